/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * virtio-rpmb, device id 28: OASIS Virtual I/O Device (VIRTIO) 1.2 and later,
 * chapter "RPMB Device", whose frames are those of eMMC 5.1 (JESD84-B51),
 * section 6.6.22.  The integers of a frame are big endian.
 */
#ifndef _LINUX_VIRTIO_RPMB_H
#define _LINUX_VIRTIO_RPMB_H

#include "virtio_wire_types.h"

#define VIRTIO_RPMB_DEVICE_ID			28

/* Queues */
#define VIRTIO_RPMB_QUEUE_REQUEST		0
#define VIRTIO_RPMB_QUEUE_COUNT			1

/* Request types */
#define VIRTIO_RPMB_REQ_PROGRAM_KEY		0x0001
#define VIRTIO_RPMB_REQ_GET_WRITE_COUNTER	0x0002
#define VIRTIO_RPMB_REQ_DATA_WRITE		0x0003
#define VIRTIO_RPMB_REQ_DATA_READ		0x0004
#define VIRTIO_RPMB_REQ_RESULT_READ		0x0005
/* Authenticated device configuration: of eMMC 5.1, and not in the virtio specification */
#define VIRTIO_RPMB_REQ_CONFIG_WRITE		0x0006
#define VIRTIO_RPMB_REQ_CONFIG_READ		0x0007

/* Response types */
#define VIRTIO_RPMB_RESP_PROGRAM_KEY		0x0100
#define VIRTIO_RPMB_RESP_GET_COUNTER		0x0200
#define VIRTIO_RPMB_RESP_DATA_WRITE		0x0300
#define VIRTIO_RPMB_RESP_DATA_READ		0x0400
#define VIRTIO_RPMB_RESP_CONFIG_WRITE		0x0600
#define VIRTIO_RPMB_RESP_CONFIG_READ		0x0700

/* Results; the flag is ORed to any of them once the write counter is at its end */
#define VIRTIO_RPMB_RES_OK			0x0000
#define VIRTIO_RPMB_RES_GENERAL_FAILURE		0x0001
#define VIRTIO_RPMB_RES_AUTH_FAILURE		0x0002
#define VIRTIO_RPMB_RES_COUNT_FAILURE		0x0003
#define VIRTIO_RPMB_RES_ADDR_FAILURE		0x0004
#define VIRTIO_RPMB_RES_WRITE_FAILURE		0x0005
#define VIRTIO_RPMB_RES_READ_FAILURE		0x0006
#define VIRTIO_RPMB_RES_NO_AUTH_KEY		0x0007
#define VIRTIO_RPMB_RES_WRITE_COUNTER_EXPIRED	0x0080

#define VIRTIO_RPMB_FRAME_SIZE			512
#define VIRTIO_RPMB_BLOCK_SIZE			256
#define VIRTIO_RPMB_KEY_MAC_SIZE		32
#define VIRTIO_RPMB_NONCE_SIZE			16
/* The MAC covers a frame from here to its end */
#define VIRTIO_RPMB_MAC_OFFSET			228

#define VIRTIO_RPMB_CAPACITY_UNIT		(128 * 1024)
#define VIRTIO_RPMB_MAX_CAPACITY		0x80	/* units: 16 MiB */

/**
 * struct virtio_rpmb_config - device configuration space, all of it read-only
 * @capacity: in units of VIRTIO_RPMB_CAPACITY_UNIT
 * @max_wr_cnt: blocks that one write request may carry; 0 is no limit
 * @max_rd_cnt: blocks that one read request may ask for; 0 is no limit
 */
struct virtio_rpmb_config {
	__u8 capacity;
	__u8 max_wr_cnt;
	__u8 max_rd_cnt;
};

/**
 * struct virtio_rpmb_frame - a request or a response, or one block of either
 * @stuff: ignored
 * @key_mac: the key, or the HMAC-SHA256 over all frames of the request or
 *	the response from @data on, in the last of them
 * @data: a block
 * @nonce: chosen by who asks, repeated in the response
 * @write_counter: see the type of request
 * @address: of the first block, in blocks
 * @block_count: blocks of the whole request
 * @result: VIRTIO_RPMB_RES_*
 * @req_resp: VIRTIO_RPMB_REQ_* or VIRTIO_RPMB_RESP_*
 *
 * A request is one descriptor chain: its frames, read by the device, then room
 * for the frames of the response.  Writes and key programming carry a
 * VIRTIO_RPMB_REQ_RESULT_READ frame as their last if they want a response.
 */
struct virtio_rpmb_frame {
	__u8 stuff[196];
	__u8 key_mac[VIRTIO_RPMB_KEY_MAC_SIZE];
	__u8 data[VIRTIO_RPMB_BLOCK_SIZE];
	__u8 nonce[VIRTIO_RPMB_NONCE_SIZE];
	__be32 write_counter;
	__be16 address;
	__be16 block_count;
	__be16 result;
	__be16 req_resp;
};

#endif /* _LINUX_VIRTIO_RPMB_H */
