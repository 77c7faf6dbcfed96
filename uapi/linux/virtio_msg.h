/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * virtio-msg revision 1 over shared memory: the messages, the AMP layout of
 * 2026 and the Stratos extension.  Documentation/transport.rst is the text
 * that goes with these numbers; all integers are little endian.
 *
 * Two layouts of revision 1 are in use.  "L2" (2026) is what Stratos sends,
 * "L1" (2025) is accepted; where they differ both are given.
 */
#ifndef _LINUX_VIRTIO_MSG_H
#define _LINUX_VIRTIO_MSG_H

#include "virtio_wire_types.h"

/* ---- Messages ---------------------------------------------------------- */

/* struct virtio_msg_hdr.type */
#define VIRTIO_MSG_TYPE_RESPONSE	(1 << 0)	/* else a request or an event */
#define VIRTIO_MSG_TYPE_BUS		(1 << 1)	/* else a transport message */

/* Transport requests */
#define VIRTIO_MSG_GET_DEVICE_INFO	0x02
#define VIRTIO_MSG_GET_DEVICE_FEATURES	0x03
#define VIRTIO_MSG_SET_DRIVER_FEATURES	0x04
#define VIRTIO_MSG_GET_CONFIG		0x05
#define VIRTIO_MSG_SET_CONFIG		0x06
#define VIRTIO_MSG_GET_DEVICE_STATUS	0x07
#define VIRTIO_MSG_SET_DEVICE_STATUS	0x08
#define VIRTIO_MSG_GET_VQUEUE		0x09
#define VIRTIO_MSG_SET_VQUEUE		0x0a
#define VIRTIO_MSG_RESET_VQUEUE		0x0b
#define VIRTIO_MSG_GET_SHM		0x0c
/* Transport events */
#define VIRTIO_MSG_EVENT_CONFIG		0x40	/* device to driver */
#define VIRTIO_MSG_EVENT_AVAIL		0x41	/* driver to device */
#define VIRTIO_MSG_EVENT_USED		0x42	/* device to driver */
/* Bus requests and events */
#define VIRTIO_MSG_BUS_GET_DEVICES	0x02
#define VIRTIO_MSG_BUS_PING		0x03
#define VIRTIO_MSG_BUS_EVENT_DEVICE	0x40

/* An id with this bit set is an event: it gets no response */
#define VIRTIO_MSG_ID_EVENT		0x40

/**
 * struct virtio_msg_hdr - the head of every message
 * @type: VIRTIO_MSG_TYPE_*; the other bits are sent zero, ignored on receipt
 * @msg_id: VIRTIO_MSG_*
 * @dev_num: the device; 0 in bus messages
 * @token: chosen by the driver, copied into the response; 0 in events
 * @msg_size: bytes of header and payload
 */
struct virtio_msg_hdr {
	__u8 type;
	__u8 msg_id;
	__le16 dev_num;
	__le16 token;
	__le16 msg_size;
};

struct virtio_msg_device_info_l1 {
	__le32 device_id;
	__le32 vendor_id;
	__le32 num_feature_bits;	/* a multiple of 32 */
	__le32 config_size;
	__le32 max_vqs;
	__le16 admin_vq_start;
	__le16 admin_vq_count;
};

struct virtio_msg_device_info {
	__le32 device_id;
	__le32 vendor_id;
	__u8 uuid[16];
	__le32 num_feature_blocks;	/* blocks of 32 bits */
	__le32 config_size;
	__le32 max_vqs;
	__le32 admin_vq_start;
	__le32 admin_vq_count;
};

/* GET_DEVICE_FEATURES and its response, SET_DRIVER_FEATURES: then __le32 features[] */
struct virtio_msg_features {
	__le32 block_index;
	__le32 num_blocks;
};

/* GET_CONFIG request */
struct virtio_msg_get_config {
	__le32 offset;
	__le32 length;
};

/* GET_CONFIG response, SET_CONFIG and its response: then data[length] */
struct virtio_msg_config {
	__le32 generation;
	__le32 offset;
	__le32 length;
};

/* GET_DEVICE_STATUS response, SET_DEVICE_STATUS and its response */
struct virtio_msg_status {
	__le32 status;
};

/* GET_VQUEUE and RESET_VQUEUE requests */
struct virtio_msg_vqueue_index {
	__le32 index;
};

#define VIRTIO_MSG_VQUEUE_ENABLED	(1 << 0)

/* GET_VQUEUE response; flags is zero in L1 */
struct virtio_msg_get_vqueue_resp {
	__le32 index;
	__le32 max_size;
	__le32 cur_size;
	__le32 flags;			/* VIRTIO_MSG_VQUEUE_* */
	__le64 desc;
	__le64 driver;
	__le64 device;
};

/* SET_VQUEUE; flags is zero in L1 */
struct virtio_msg_set_vqueue {
	__le32 index;
	__le32 flags;			/* VIRTIO_MSG_VQUEUE_* */
	__le32 size;
	__le32 reserved;
	__le64 desc;
	__le64 driver;
	__le64 device;
};

struct virtio_msg_get_shm {
	__le32 shmid;
};

struct virtio_msg_get_shm_resp_l1 {
	__le32 index;
	__le32 length;
	__le32 address;
};

struct virtio_msg_get_shm_resp {
	__le32 shmid;
	__le32 reserved;
	__le64 length;			/* 0: no such region */
	__le64 address;
};

/* EVENT_CONFIG: then data[length] */
struct virtio_msg_event_config {
	__le32 device_status;
	__le32 generation;
	__le32 offset;
	__le32 length;
};

struct virtio_msg_event_avail {
	__le32 vq_index;
	__le32 next_offset_wrap;	/* zero without VIRTIO_F_NOTIFICATION_DATA */
};

struct virtio_msg_event_used {
	__le32 vq_index;
};

/* Bus GET_DEVICES request */
struct virtio_msg_get_devices {
	__le16 offset;			/* a multiple of 8 */
	__le16 count;			/* a multiple of 8 */
};

/* Bus GET_DEVICES response; L1 has count before next_offset.  Then a bitmap, LSB first */
struct virtio_msg_get_devices_resp {
	__le16 offset;
	__le16 next_offset;		/* 0: the last window */
	__le16 count;
};

struct virtio_msg_ping {
	__le32 data;
};

#define VIRTIO_MSG_DEVICE_READY		1
#define VIRTIO_MSG_DEVICE_REMOVED	2

struct virtio_msg_event_device {
	__le16 dev_num;
	__le16 state;			/* VIRTIO_MSG_DEVICE_* */
};

/* ---- The AMP layout of 2026 -------------------------------------------- */

#define VIRTIO_MSG_AMP_MAGIC		0x4c4f
#define VIRTIO_MSG_AMP_VERSION		1
#define VIRTIO_MSG_AMP_F_MASKED		(1 << 0)	/* mask words are present */
#define VIRTIO_MSG_AMP_MAX_NOTIF	64		/* words of 64 bits */
#define VIRTIO_MSG_AMP_MIN_SLOT		64		/* bytes */

/**
 * struct virtio_msg_amp_layout - at offset 0 of the region
 * @magic: VIRTIO_MSG_AMP_MAGIC, written last by the creator of the memory
 * @length: bytes of this structure and of what extends it
 * @version: VIRTIO_MSG_AMP_VERSION
 * @features: VIRTIO_MSG_AMP_F_*
 * @num_notif: notification words of each side
 * @vq_notif: notification bits of each device: 1, 2, 4, 8 or 16
 * @num_elements: slots of each message queue, at least 2
 * @element_size: bytes of a slot
 * @reserved: zero
 * @dev_notif_off: the device side's notification words
 * @dev_head_off: the device side's struct virtio_msg_amp_head
 * @dev_elements_off: messages from the device side
 * @drv_notif_off: the driver side's notification words
 * @drv_head_off: the driver side's struct virtio_msg_amp_head
 * @drv_elements_off: messages from the driver side
 *
 * Offsets count from the start of the region.
 */
struct virtio_msg_amp_layout {
	__le16 magic;
	__le16 length;
	__le16 version;
	__le16 features;
	__u8 num_notif;
	__u8 vq_notif;
	__le16 num_elements;
	__le16 element_size;
	__le16 reserved;
	__le64 dev_notif_off;
	__le64 dev_head_off;
	__le64 dev_elements_off;
	__le64 drv_notif_off;
	__le64 drv_head_off;
	__le64 drv_elements_off;
};

#define VIRTIO_MSG_AMP_HEAD_MAGIC	0x514f

#define VIRTIO_MSG_AMP_INIT		0
#define VIRTIO_MSG_AMP_READY		1
#define VIRTIO_MSG_AMP_RUN		2
#define VIRTIO_MSG_AMP_SHUTDOWN		3
#define VIRTIO_MSG_AMP_PEER_DEAD	4
#define VIRTIO_MSG_AMP_STATUS_MASK	0x001f
#define VIRTIO_MSG_AMP_DEBUGGED		0x8000	/* do not time this side out */

/**
 * struct virtio_msg_amp_head - written by one side only
 * @magic: VIRTIO_MSG_AMP_HEAD_MAGIC
 * @status: VIRTIO_MSG_AMP_* of this side
 * @tail: this side's producer index into its own elements
 * @head: this side's consumer index into the peer's elements
 */
struct virtio_msg_amp_head {
	__le16 magic;
	__le16 status;
	__le16 tail;
	__le16 head;
};

/* ---- The Stratos extension --------------------------------------------- */

#define VIRTIO_MSG_STRATOS_MAGIC	0x58525453	/* "STRX" */
#define VIRTIO_MSG_STRATOS_VERSION	1

/**
 * struct virtio_msg_stratos_layout - follows struct virtio_msg_amp_layout
 * @magic: VIRTIO_MSG_STRATOS_MAGIC
 * @version: VIRTIO_MSG_STRATOS_VERSION
 * @length: bytes of this structure
 * @region_size: bytes of the whole region
 * @dev_side_off: the device side's struct virtio_msg_stratos_side
 * @drv_side_off: the driver side's struct virtio_msg_stratos_side
 * @dev_private_off: memory that only the device side uses; it survives the
 *	device side's process
 * @dev_private_size: its bytes
 * @pool_off: memory out of which the device side cuts device regions
 * @pool_size: its bytes
 */
struct virtio_msg_stratos_layout {
	__le32 magic;
	__le16 version;
	__le16 length;
	__le64 region_size;
	__le64 dev_side_off;
	__le64 drv_side_off;
	__le64 dev_private_off;
	__le64 dev_private_size;
	__le64 pool_off;
	__le64 pool_size;
};

/**
 * struct virtio_msg_stratos_side - written by one side only
 * @epoch: number of this side's incarnation, never 0
 * @peer_epoch: the peer's incarnation that this side is bound to, 0 for none
 * @heartbeat: counts up while this side lives
 * @doorbell: what the peer writes to this side's doorbell: for ivshmem the
 *	peer id in bits 16 to 31, the vector in bits 0 to 15
 * @reserved: zero
 * @need_wakeup: 1 if this side sleeps until its doorbell is rung
 * @reserved2: zero
 *
 * @need_wakeup has a cache line of its own: it changes with the load, the
 * rest does not.
 */
struct virtio_msg_stratos_side {
	__le32 epoch;
	__le32 peer_epoch;
	__le32 heartbeat;
	__le32 doorbell;
	__le32 reserved[12];
	__le32 need_wakeup;
	__le32 reserved2[15];
};

/* GET_SHM id of a device's memory: address and length are offsets in the region */
#define VIRTIO_MSG_SHMID_DEVICE_MEMORY	0x80

#endif /* _LINUX_VIRTIO_MSG_H */
