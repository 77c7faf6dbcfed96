// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests and their responses.
 *
 * A channel has one request under way.  The request has a token of its own and a
 * deadline; a response that does not match, or comes too late, is dropped.  When
 * the link goes down every request ends at once.
 */
#include <linux/delay.h>
#include <linux/dev_printk.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "internal.h"

/* How often to look at what is not announced: a free slot, a heartbeat */
#define VMSG_POLL_MS	50

/**
 * vmsg_channel_init - make a channel ready for use
 * @channel: the channel
 */
void vmsg_channel_init(struct vmsg_channel *channel)
{
	mutex_init(&channel->lock);
	init_completion(&channel->done);
}

static void vmsg_channel_complete(struct vmsg_channel *channel, int status)
{
	channel->waiting = false;
	channel->status = status;
	complete(&channel->done);
}

/**
 * vmsg_channel_fail - end the request under way, if any: the link is down
 * @channel: the channel; the caller holds rx_lock
 */
void vmsg_channel_fail(struct vmsg_channel *channel)
{
	if (channel->waiting)
		vmsg_channel_complete(channel, -EIO);
}

/**
 * vmsg_max_payload - how much fits behind a header
 * @link: the link
 *
 * Return: bytes.
 */
size_t vmsg_max_payload(const struct virtio_msg_link *link)
{
	return min_t(size_t, link->layout.slot_size - sizeof(struct virtio_msg_hdr),
		     VMSG_MAX_PAYLOAD);
}

static struct vmsg_device *vmsg_find_device(struct virtio_msg_link *link, u16 num)
{
	return num < link->layout.max_devices ? link->devices[num] : NULL;
}

static void vmsg_dispatch_response(struct virtio_msg_link *link, u8 type, u8 msg_id,
				   u16 num, u16 token, const void *payload, size_t length)
{
	struct vmsg_channel *channel = &link->bus;

	if (!(type & VIRTIO_MSG_TYPE_BUS)) {
		struct vmsg_device *dev = vmsg_find_device(link, num);

		if (!dev) {
			vmsg_malformed(link, "response of a device that does not exist");
			return;
		}
		channel = &dev->requests;
	}

	if (!channel->waiting || channel->token != token || channel->msg_id != msg_id) {
		link->stats.late++;
		return;
	}

	channel->length = min_t(size_t, length, sizeof(channel->payload));
	memcpy(channel->payload, payload, channel->length);
	vmsg_channel_complete(channel, 0);
}

static void vmsg_dispatch_bus_event(struct virtio_msg_link *link, const void *payload)
{
	const struct virtio_msg_event_device *event = payload;
	u16 num = le16_to_cpu(event->dev_num);

	if (num >= link->layout.max_devices) {
		vmsg_malformed(link, "EVENT_DEVICE names an impossible device");
		return;
	}

	switch (le16_to_cpu(event->state)) {
	case VIRTIO_MSG_DEVICE_READY:
		set_bit(num, link->appeared);
		break;
	case VIRTIO_MSG_DEVICE_REMOVED:
		clear_bit(num, link->appeared);
		if (link->devices[num])
			vmsg_device_gone(link->devices[num]);
		break;
	default:
		vmsg_malformed(link, "EVENT_DEVICE with an unknown state");
		return;
	}
	queue_work(vmsg_topology_queue, &link->topology);
}

static void vmsg_dispatch_event(struct virtio_msg_link *link, u8 msg_id, u16 num,
				const void *payload)
{
	struct vmsg_device *dev = vmsg_find_device(link, num);
	const struct virtio_msg_event_config *config = payload;
	const struct virtio_msg_event_used *used = payload;

	if (!dev) {
		vmsg_malformed(link, "event of a device that does not exist");
		return;
	}

	if (msg_id == VIRTIO_MSG_EVENT_CONFIG)
		vmsg_device_config_event(dev, le32_to_cpu(config->device_status));
	else
		vmsg_device_notified(dev, le32_to_cpu(used->vq_index) %
				     link->layout.vq_notif);
}

/**
 * vmsg_dispatch - take a message apart
 * @link: the link; the caller holds rx_lock
 * @slot: a private copy of a slot
 */
void vmsg_dispatch(struct virtio_msg_link *link, const void *slot)
{
	const struct virtio_msg_hdr *hdr = slot;
	const void *payload = slot + sizeof(*hdr);
	u8 type = hdr->type & (VIRTIO_MSG_TYPE_RESPONSE | VIRTIO_MSG_TYPE_BUS);
	size_t size = le16_to_cpu(hdr->msg_size);
	u16 num = le16_to_cpu(hdr->dev_num);
	int least;

	if (size < sizeof(*hdr) || size > link->layout.slot_size) {
		vmsg_malformed(link, "impossible size of a message");
		return;
	}
	size -= sizeof(*hdr);

	least = vmsg_min_payload(type, hdr->msg_id);
	if (least < 0) {
		vmsg_malformed(link, "unknown message");
		return;
	}
	if (size < least) {
		vmsg_malformed(link, "message is too short");
		return;
	}

	if (type & VIRTIO_MSG_TYPE_RESPONSE)
		vmsg_dispatch_response(link, type, hdr->msg_id, num,
				       le16_to_cpu(hdr->token), payload, size);
	else if (type & VIRTIO_MSG_TYPE_BUS)
		vmsg_dispatch_bus_event(link, payload);
	else
		vmsg_dispatch_event(link, hdr->msg_id, num, payload);
}

/* Announces that a response is awaited; from here on it may come. */
static int vmsg_channel_arm(struct virtio_msg_link *link, struct vmsg_channel *channel,
			    u32 run, u8 msg_id)
{
	guard(spinlock_irqsave)(&link->rx_lock);

	if (!vmsg_link_up(link, run))
		return -EIO;

	reinit_completion(&channel->done);
	channel->msg_id = msg_id;
	/* Events carry token 0. */
	if (!++channel->token)
		channel->token++;
	channel->length = 0;
	channel->status = -ETIMEDOUT;
	channel->waiting = true;
	return 0;
}

static int vmsg_channel_disarm(struct virtio_msg_link *link, struct vmsg_channel *channel)
{
	guard(spinlock_irqsave)(&link->rx_lock);

	channel->waiting = false;
	return channel->status;
}

/* Sends, and waits for a free slot if need be. */
static int vmsg_send(struct virtio_msg_link *link, u32 run,
		     const struct vmsg_message *msg, u32 *seq)
{
	unsigned long expires = jiffies + msecs_to_jiffies(vmsg_request_timeout_ms);
	int err;

	for (;;) {
		err = vmsg_put(link, run, msg, seq);
		if (err != -EAGAIN)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		if (time_after(jiffies, expires))
			return -ETIMEDOUT;
		usleep_range(1000, 2000);
	}
}

/*
 * Waits for the response that vmsg_channel_arm() announced.
 *
 * The deadline is one for a peer that lives.  A helper that is restarted under
 * load, with its state, is away for a moment and then serves the request; to
 * break the device for that would be wrong.  So when the deadline passes and
 * the request is still in its slot, there is a respite: it lasts until the peer
 * has shown two heartbeats, of which the first may be that of its return, or
 * until it is dead, which ends the request through vmsg_channel_fail().
 */
static int vmsg_await(struct virtio_msg_link *link, struct vmsg_channel *channel, u32 seq)
{
	unsigned long timeout = msecs_to_jiffies(vmsg_request_timeout_ms);
	unsigned long last = jiffies + 2 * timeout +
			     msecs_to_jiffies(vmsg_peer_timeout_ms);
	long left;
	u32 beat;

	left = wait_for_completion_killable_timeout(&channel->done, timeout);
	beat = vmsg_peer_beat(link);
	while (!left) {
		if (vmsg_consumed(link, seq) || vmsg_peer_beat(link) - beat >= 2 ||
		    time_after(jiffies, last))
			return -ETIMEDOUT;
		left = wait_for_completion_killable_timeout(&channel->done,
							    msecs_to_jiffies(VMSG_POLL_MS));
	}

	return left < 0 ? -EINTR : 0;
}

static int vmsg_request(struct virtio_msg_link *link, struct vmsg_channel *channel,
			u32 run, struct vmsg_message *msg, size_t length,
			void *response, size_t size)
{
	int err, status;
	u32 seq;

	if (WARN_ON_ONCE(length > vmsg_max_payload(link)))
		return -EMSGSIZE;
	if (mutex_lock_killable(&channel->lock))
		return -EINTR;

	err = vmsg_channel_arm(link, channel, run, msg->hdr.msg_id);
	if (err)
		goto out;

	msg->hdr.token = cpu_to_le16(channel->token);
	msg->hdr.msg_size = cpu_to_le16(sizeof(msg->hdr) + length);
	err = vmsg_send(link, run, msg, &seq);
	if (!err)
		err = vmsg_await(link, channel, seq);

	/* A response that came while we gave up is as good as one in time. */
	status = vmsg_channel_disarm(link, channel);
	if (status != -ETIMEDOUT)
		err = status;
	if (!err) {
		memcpy(response, channel->payload, min(size, channel->length));
		err = channel->length;
	}
out:
	mutex_unlock(&channel->lock);
	return err;
}

/* Counts a request that failed for a reason of the peer's; true if it did. */
static bool vmsg_request_unanswered(struct virtio_msg_link *link, int err)
{
	guard(spinlock_irqsave)(&link->rx_lock);

	if (err == -ETIMEDOUT)
		link->stats.timeouts++;
	else if (err == -EPROTO)
		vmsg_malformed(link, "head is out of range");
	else
		return false;

	return true;
}

/**
 * vmsg_bus_request - ask the bus
 * @link: the link
 * @run: the run of the link that the request belongs to
 * @msg_id: VIRTIO_MSG_BUS_*
 * @payload: of the request
 * @length: its bytes
 * @response: filled with the payload of the response
 * @size: bytes of @response
 *
 * Return: bytes of the response, which may be more than @size; -EIO if the link
 * is down; -ETIMEDOUT; -EPROTO; -EINTR if the task was killed.
 */
int vmsg_bus_request(struct virtio_msg_link *link, u32 run, u8 msg_id,
		     const void *payload, size_t length,
		     void *response, size_t size)
{
	struct vmsg_message msg = {
		.hdr = { .type = VIRTIO_MSG_TYPE_BUS, .msg_id = msg_id },
	};
	int ret;

	memcpy(msg.payload, payload, length);
	ret = vmsg_request(link, &link->bus, run, &msg, length, response, size);
	vmsg_request_unanswered(link, ret);
	return ret;
}

/**
 * vmsg_device_request - ask a device
 * @dev: the device
 * @msg_id: VIRTIO_MSG_*
 * @payload: of the request
 * @length: its bytes
 * @response: filled with the payload of the response
 * @size: bytes of @response
 *
 * A device that does not answer is broken, and the link asks the peer whether it
 * is there at all.  May sleep; never waits when the link is down.
 *
 * Return: as vmsg_bus_request().
 */
int vmsg_device_request(struct vmsg_device *dev, u8 msg_id,
			const void *payload, size_t length,
			void *response, size_t size)
{
	struct vmsg_message msg = {
		.hdr = { .msg_id = msg_id, .dev_num = cpu_to_le16(dev->num) },
	};
	int ret;

	if (READ_ONCE(dev->gone) || READ_ONCE(dev->broken))
		return -EIO;

	memcpy(msg.payload, payload, length);
	ret = vmsg_request(dev->link, &dev->requests, dev->run, &msg, length,
			   response, size);
	if (vmsg_request_unanswered(dev->link, ret)) {
		vmsg_err(dev, "no answer to request %#x, it is broken\n", msg_id);
		vmsg_device_break(dev);
		WRITE_ONCE(dev->link->ping, 1);
		queue_work(vmsg_topology_queue, &dev->link->topology);
	}
	return ret;
}
