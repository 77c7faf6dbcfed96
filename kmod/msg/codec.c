// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is in the messages: one function for each request.
 *
 * A function returns 0 or what vmsg_device_request() or vmsg_bus_request()
 * failed with.  That a response is as long as its id demands was checked when it
 * came in, by the table below.
 */
#include <linux/bitmap.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "internal.h"

/* Messages that a driver side gets, and the least bytes of their payload */
static const struct {
	u8 type;
	u8 msg_id;
	u8 least;
} vmsg_incoming[] = {
	{ VIRTIO_MSG_TYPE_RESPONSE, VIRTIO_MSG_GET_DEVICE_INFO,
	  sizeof(struct virtio_msg_device_info_l1) },
	{ VIRTIO_MSG_TYPE_RESPONSE, VIRTIO_MSG_GET_DEVICE_FEATURES,
	  sizeof(struct virtio_msg_features) },
	{ VIRTIO_MSG_TYPE_RESPONSE, VIRTIO_MSG_SET_DRIVER_FEATURES, 0 },
	{ VIRTIO_MSG_TYPE_RESPONSE, VIRTIO_MSG_GET_CONFIG,
	  sizeof(struct virtio_msg_config) },
	{ VIRTIO_MSG_TYPE_RESPONSE, VIRTIO_MSG_SET_CONFIG,
	  sizeof(struct virtio_msg_config) },
	{ VIRTIO_MSG_TYPE_RESPONSE, VIRTIO_MSG_GET_DEVICE_STATUS,
	  sizeof(struct virtio_msg_status) },
	{ VIRTIO_MSG_TYPE_RESPONSE, VIRTIO_MSG_SET_DEVICE_STATUS,
	  sizeof(struct virtio_msg_status) },
	{ VIRTIO_MSG_TYPE_RESPONSE, VIRTIO_MSG_GET_VQUEUE,
	  sizeof(struct virtio_msg_get_vqueue_resp) },
	{ VIRTIO_MSG_TYPE_RESPONSE, VIRTIO_MSG_SET_VQUEUE, 0 },
	{ VIRTIO_MSG_TYPE_RESPONSE, VIRTIO_MSG_GET_SHM,
	  sizeof(struct virtio_msg_get_shm_resp_l1) },
	{ 0, VIRTIO_MSG_EVENT_CONFIG, sizeof(struct virtio_msg_event_config) },
	{ 0, VIRTIO_MSG_EVENT_USED, sizeof(struct virtio_msg_event_used) },
	{ VIRTIO_MSG_TYPE_RESPONSE | VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_GET_DEVICES,
	  sizeof(struct virtio_msg_get_devices_resp) },
	{ VIRTIO_MSG_TYPE_RESPONSE | VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_PING,
	  sizeof(struct virtio_msg_ping) },
	{ VIRTIO_MSG_TYPE_BUS, VIRTIO_MSG_BUS_EVENT_DEVICE,
	  sizeof(struct virtio_msg_event_device) },
};

static_assert(sizeof(struct virtio_msg_hdr) == 8);
static_assert(sizeof(struct virtio_msg_device_info_l1) == 24);
static_assert(sizeof(struct virtio_msg_device_info) == 44);
static_assert(sizeof(struct virtio_msg_set_vqueue) == 40);
static_assert(sizeof(struct virtio_msg_get_vqueue_resp) == 40);
static_assert(sizeof(struct virtio_msg_get_shm_resp) == 24);
static_assert(sizeof(struct virtio_msg_get_shm_resp_l1) == 12);

/**
 * vmsg_min_payload - how long must the payload of a message to us be?
 * @type: VIRTIO_MSG_TYPE_*
 * @msg_id: its id
 *
 * Return: bytes, or -ENOENT if the message is none that we take.
 */
int vmsg_min_payload(u8 type, u8 msg_id)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vmsg_incoming); i++)
		if (vmsg_incoming[i].type == type && vmsg_incoming[i].msg_id == msg_id)
			return vmsg_incoming[i].least;

	return -ENOENT;
}

static int vmsg_get_window(struct virtio_msg_link *link, u32 run, u16 offset, u16 count,
			   unsigned long *present)
{
	struct virtio_msg_get_devices request = {
		.offset = cpu_to_le16(offset),
		.count = cpu_to_le16(count),
	};
	struct {
		struct virtio_msg_get_devices_resp head;
		u8 bitmap[VMSG_MAX_PAYLOAD - sizeof(struct virtio_msg_get_devices_resp)];
	} response;
	unsigned int num, end;
	int ret;

	ret = vmsg_bus_request(link, run, VIRTIO_MSG_BUS_GET_DEVICES, &request,
			       sizeof(request), &response, sizeof(response));
	if (ret < 0)
		return ret;
	if (le16_to_cpu(response.head.offset) != offset)
		return -EPROTO;

	/*
	 * The two layouts of revision 1 swap next_offset and count.  Either
	 * next_offset is 0 or it is no less than the count; in no case does it
	 * matter, because we know where the next window begins.
	 */
	end = max(le16_to_cpu(response.head.next_offset), le16_to_cpu(response.head.count));
	end = min3(end, (unsigned int)count,
		   (unsigned int)(ret - sizeof(response.head)) * 8);
	end = min(end, link->layout.max_devices - offset);
	for (num = 0; num < end; num++)
		if (response.bitmap[num / 8] & BIT(num % 8))
			__set_bit(offset + num, present);

	return 0;
}

/**
 * vmsg_get_devices - which devices are there?
 * @link: the link
 * @run: the run of the link that the answer shall be for
 * @present: bit map of the device numbers, zero
 *
 * Return: 0 or an error.
 */
int vmsg_get_devices(struct virtio_msg_link *link, u32 run, unsigned long *present)
{
	size_t room = vmsg_max_payload(link) - sizeof(struct virtio_msg_get_devices_resp);
	u32 all = ALIGN(link->layout.max_devices, 8);
	u32 offset, count;
	int err;

	for (offset = 0; offset < all; offset += count) {
		count = min_t(u32, all - offset, room * 8);
		err = vmsg_get_window(link, run, offset, count, present);
		if (err)
			return err;
	}

	return 0;
}

/**
 * vmsg_ping - is anybody there?
 * @link: the link
 * @run: the run of the link that is meant
 *
 * Return: 0 or an error.
 */
int vmsg_ping(struct virtio_msg_link *link, u32 run)
{
	struct virtio_msg_ping request = { .data = cpu_to_le32(run) };
	struct virtio_msg_ping response;
	int ret;

	ret = vmsg_bus_request(link, run, VIRTIO_MSG_BUS_PING, &request, sizeof(request),
			       &response, sizeof(response));
	if (ret < 0)
		return ret;
	return response.data == request.data ? 0 : -EPROTO;
}

/**
 * vmsg_get_info - what is this device?
 * @dev: the device
 * @info: filled
 *
 * Return: 0 or an error.
 */
int vmsg_get_info(struct vmsg_device *dev, struct vmsg_info *info)
{
	union {
		struct virtio_msg_device_info l2;
		struct virtio_msg_device_info_l1 l1;
	} response;
	int ret;

	ret = vmsg_device_request(dev, VIRTIO_MSG_GET_DEVICE_INFO, NULL, 0,
				  &response, sizeof(response));
	if (ret < 0)
		return ret;

	/* Only the size tells the two layouts of revision 1 apart. */
	switch (ret) {
	case sizeof(response.l1):
		*info = (struct vmsg_info) {
			.device_id = le32_to_cpu(response.l1.device_id),
			.vendor_id = le32_to_cpu(response.l1.vendor_id),
			.config_size = le32_to_cpu(response.l1.config_size),
			.max_vqs = le32_to_cpu(response.l1.max_vqs),
			.l1 = true,
		};
		return 0;
	case sizeof(response.l2):
		*info = (struct vmsg_info) {
			.device_id = le32_to_cpu(response.l2.device_id),
			.vendor_id = le32_to_cpu(response.l2.vendor_id),
			.config_size = le32_to_cpu(response.l2.config_size),
			.max_vqs = le32_to_cpu(response.l2.max_vqs),
		};
		return 0;
	default:
		return -EPROTO;
	}
}

/* virtio in the kernel knows 64 feature bits, here two blocks of 32 */
struct vmsg_feature_blocks {
	struct virtio_msg_features head;
	__le32 blocks[2];
};

/**
 * vmsg_get_features - what does the device offer?
 * @dev: the device
 * @features: filled
 *
 * Return: 0 or an error.
 */
int vmsg_get_features(struct vmsg_device *dev, u64 *features)
{
	struct virtio_msg_features request = {
		.num_blocks = cpu_to_le32(2),
	};
	struct vmsg_feature_blocks response = { };
	int ret;

	ret = vmsg_device_request(dev, VIRTIO_MSG_GET_DEVICE_FEATURES, &request,
				  sizeof(request), &response, sizeof(response));
	if (ret < 0)
		return ret;
	/* A device may know fewer blocks than were asked for: the rest is 0. */
	if (response.head.block_index)
		return -EPROTO;

	*features = le32_to_cpu(response.blocks[0]) |
		    (u64)le32_to_cpu(response.blocks[1]) << 32;
	return 0;
}

/**
 * vmsg_set_features - tell the device what the driver accepts
 * @dev: the device
 * @features: feature bits
 *
 * Return: 0 or an error.
 */
int vmsg_set_features(struct vmsg_device *dev, u64 features)
{
	struct vmsg_feature_blocks request = {
		.head.num_blocks = cpu_to_le32(2),
		.blocks = {
			cpu_to_le32(lower_32_bits(features)),
			cpu_to_le32(upper_32_bits(features)),
		},
	};
	int ret;

	ret = vmsg_device_request(dev, VIRTIO_MSG_SET_DRIVER_FEATURES, &request,
				  sizeof(request), NULL, 0);
	return min(ret, 0);
}

/**
 * vmsg_get_status - the device's status
 * @dev: the device
 * @status: filled
 *
 * Return: 0 or an error.
 */
int vmsg_get_status(struct vmsg_device *dev, u32 *status)
{
	struct virtio_msg_status response;
	int ret;

	ret = vmsg_device_request(dev, VIRTIO_MSG_GET_DEVICE_STATUS, NULL, 0,
				  &response, sizeof(response));
	if (ret < 0)
		return ret;

	*status = le32_to_cpu(response.status);
	return 0;
}

/**
 * vmsg_set_status - write the device's status
 * @dev: the device
 * @status: to write
 * @result: the status that holds now
 *
 * Return: 0 or an error.
 */
int vmsg_set_status(struct vmsg_device *dev, u32 status, u32 *result)
{
	struct virtio_msg_status request = { .status = cpu_to_le32(status) };
	struct virtio_msg_status response;
	int ret;

	ret = vmsg_device_request(dev, VIRTIO_MSG_SET_DEVICE_STATUS, &request,
				  sizeof(request), &response, sizeof(response));
	if (ret < 0)
		return ret;

	*result = le32_to_cpu(response.status);
	return 0;
}

struct vmsg_config_message {
	struct virtio_msg_config head;
	u8 data[VMSG_MAX_PAYLOAD - sizeof(struct virtio_msg_config)];
};

/**
 * vmsg_get_config - read a piece of configuration space
 * @dev: the device
 * @offset: where
 * @data: filled
 * @length: bytes, no more than fit in a message
 * @generation: what the device calls the present content
 *
 * Return: 0 or an error.
 */
int vmsg_get_config(struct vmsg_device *dev, u32 offset, void *data, size_t length,
		    u32 *generation)
{
	struct virtio_msg_get_config request = {
		.offset = cpu_to_le32(offset),
		.length = cpu_to_le32(length),
	};
	struct vmsg_config_message response;
	int ret;

	ret = vmsg_device_request(dev, VIRTIO_MSG_GET_CONFIG, &request, sizeof(request),
				  &response, sizeof(response));
	if (ret < 0)
		return ret;
	if (le32_to_cpu(response.head.offset) != offset ||
	    le32_to_cpu(response.head.length) != length ||
	    ret < sizeof(response.head) + length)
		return -EPROTO;

	memcpy(data, response.data, length);
	*generation = le32_to_cpu(response.head.generation);
	return 0;
}

/**
 * vmsg_set_config - write a piece of configuration space
 * @dev: the device
 * @offset: where
 * @data: to write
 * @length: bytes, no more than fit in a message
 *
 * Return: 0, -EPERM if the device does not allow it, or another error.
 */
int vmsg_set_config(struct vmsg_device *dev, u32 offset, const void *data, size_t length)
{
	struct vmsg_config_message request = {
		.head = {
			.offset = cpu_to_le32(offset),
			.length = cpu_to_le32(length),
		},
	};
	struct virtio_msg_config response;
	int ret;

	memcpy(request.data, data, length);
	ret = vmsg_device_request(dev, VIRTIO_MSG_SET_CONFIG, &request,
				  sizeof(request.head) + length,
				  &response, sizeof(response));
	if (ret < 0)
		return ret;
	return response.length ? 0 : -EPERM;
}

/**
 * vmsg_get_vqueue - ask about a virtqueue
 * @dev: the device
 * @index: which
 * @max_size: how large it may be; 0 if there is none
 * @enabled: whether it is in use; in the layout of 2025 its address must tell
 *
 * Return: 0 or an error.
 */
int vmsg_get_vqueue(struct vmsg_device *dev, u32 index, u32 *max_size, bool *enabled)
{
	struct virtio_msg_vqueue_index request = { .index = cpu_to_le32(index) };
	struct virtio_msg_get_vqueue_resp response;
	int ret;

	ret = vmsg_device_request(dev, VIRTIO_MSG_GET_VQUEUE, &request, sizeof(request),
				  &response, sizeof(response));
	if (ret < 0)
		return ret;
	if (le32_to_cpu(response.index) != index)
		return -EPROTO;

	*max_size = le32_to_cpu(response.max_size);
	*enabled = dev->info.l1 ? response.desc != 0 :
		   le32_to_cpu(response.flags) & VIRTIO_MSG_VQUEUE_ENABLED;
	return 0;
}

/**
 * vmsg_set_vqueue - tell the device where a virtqueue lies
 * @dev: the device
 * @vq: the virtqueue
 *
 * Return: 0 or an error.
 */
int vmsg_set_vqueue(struct vmsg_device *dev, struct virtqueue *vq)
{
	struct virtio_msg_set_vqueue request = {
		.index = cpu_to_le32(vq->index),
		.flags = cpu_to_le32(dev->info.l1 ? 0 : VIRTIO_MSG_VQUEUE_ENABLED),
		.size = cpu_to_le32(virtqueue_get_vring_size(vq)),
		.desc = cpu_to_le64(virtqueue_get_desc_addr(vq)),
		.driver = cpu_to_le64(virtqueue_get_avail_addr(vq)),
		.device = cpu_to_le64(virtqueue_get_used_addr(vq)),
	};
	int ret;

	ret = vmsg_device_request(dev, VIRTIO_MSG_SET_VQUEUE, &request, sizeof(request),
				  NULL, 0);
	return min(ret, 0);
}

/**
 * vmsg_get_memory - where is the device's memory?
 * @dev: the device
 * @address: offset in the region
 * @length: bytes, 0 if there is none
 *
 * Return: 0 or an error.
 */
int vmsg_get_memory(struct vmsg_device *dev, u64 *address, u64 *length)
{
	struct virtio_msg_get_shm request = {
		.shmid = cpu_to_le32(VIRTIO_MSG_SHMID_DEVICE_MEMORY),
	};
	union {
		struct virtio_msg_get_shm_resp l2;
		struct virtio_msg_get_shm_resp_l1 l1;
	} response;
	int ret;

	ret = vmsg_device_request(dev, VIRTIO_MSG_GET_SHM, &request, sizeof(request),
				  &response, sizeof(response));
	if (ret < 0)
		return ret;
	if (response.l1.index != request.shmid)
		return -EPROTO;

	if (dev->info.l1) {
		*address = le32_to_cpu(response.l1.address);
		*length = le32_to_cpu(response.l1.length);
		return 0;
	}
	if (ret < sizeof(response.l2))
		return -EPROTO;
	*address = le64_to_cpu(response.l2.address);
	*length = le64_to_cpu(response.l2.length);
	return 0;
}
