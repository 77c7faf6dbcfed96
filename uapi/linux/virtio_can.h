/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * virtio-can, device id 36: OASIS Virtual I/O Device (VIRTIO) 1.4, chapter
 * "CAN Device".  The layout is the one of the text and of the driver merged
 * in Linux 7.2; all integers are little endian.
 */
#ifndef _LINUX_VIRTIO_CAN_H
#define _LINUX_VIRTIO_CAN_H

#include "virtio_wire_types.h"

#define VIRTIO_CAN_DEVICE_ID		36

/* Feature bits */
#define VIRTIO_CAN_F_CAN_CLASSIC	0	/* classic CAN frames */
#define VIRTIO_CAN_F_CAN_FD		1	/* CAN FD frames */
#define VIRTIO_CAN_F_RTR_FRAMES		2	/* remote frames; needs CAN_CLASSIC */
#define VIRTIO_CAN_F_LATE_TX_ACK	3	/* used only once the frame was on the bus */

/* Queues */
#define VIRTIO_CAN_QUEUE_TX		0
#define VIRTIO_CAN_QUEUE_RX		1
#define VIRTIO_CAN_QUEUE_CONTROL	2
#define VIRTIO_CAN_QUEUE_COUNT		3

/* Results, the one byte that the device writes for Tx and control requests */
#define VIRTIO_CAN_RESULT_OK		0
#define VIRTIO_CAN_RESULT_NOT_OK	1	/* a driver treats every other value alike */

/* Message types */
#define VIRTIO_CAN_TX			0x0001
#define VIRTIO_CAN_RX			0x0101
#define VIRTIO_CAN_SET_CTRL_MODE_START	0x0201
#define VIRTIO_CAN_SET_CTRL_MODE_STOP	0x0202

/* Frame flags; every other bit is zero */
#define VIRTIO_CAN_FLAGS_RTR		0x2000
#define VIRTIO_CAN_FLAGS_FD		0x4000
#define VIRTIO_CAN_FLAGS_EXTENDED	0x8000

#define VIRTIO_CAN_CLASSIC_MAX_DLEN	8
#define VIRTIO_CAN_MAX_DLEN		64

/* Device configuration space */
#define VIRTIO_CAN_S_CTRL_BUSOFF	(1 << 0)

struct virtio_can_config {
	__le16 status;			/* VIRTIO_CAN_S_CTRL_* */
};

/**
 * struct virtio_can_tx_out - a Tx request, driver-written part
 * @msg_type: VIRTIO_CAN_TX
 * @length: bytes of @sdu: 0 to 8, or an FD length up to 64
 * @reserved_classic_dlc: zero
 * @padding: zero
 * @reserved_xl_priority: zero
 * @flags: VIRTIO_CAN_FLAGS_*
 * @can_id: 11 or 29 bits
 * @sdu: the payload
 */
struct virtio_can_tx_out {
	__le16 msg_type;
	__le16 length;
	__u8 reserved_classic_dlc;
	__u8 padding;
	__le16 reserved_xl_priority;
	__le32 flags;
	__le32 can_id;
	__u8 sdu[];
};

/**
 * struct virtio_can_rx - a received frame, device-written
 * @msg_type: VIRTIO_CAN_RX
 * @length: bytes of @sdu: 0 to 8, or an FD length up to 64
 * @reserved_classic_dlc: zero
 * @padding: zero
 * @reserved_xl_priority: zero
 * @flags: VIRTIO_CAN_FLAGS_*
 * @can_id: 11 or 29 bits
 * @sdu: the payload; the driver posts room for 8 bytes (classic) or 64 (FD)
 */
struct virtio_can_rx {
	__le16 msg_type;
	__le16 length;
	__u8 reserved_classic_dlc;
	__u8 padding;
	__le16 reserved_xl_priority;
	__le32 flags;
	__le32 can_id;
	__u8 sdu[];
};

/* Tx, device-written part */
struct virtio_can_tx_in {
	__u8 result;
};

/* Control, driver-written part */
struct virtio_can_control_out {
	__le16 msg_type;
};

/* Control, device-written part */
struct virtio_can_control_in {
	__u8 result;
};

#endif /* _LINUX_VIRTIO_CAN_H */
