/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _VIRTIO_MSG_LAYOUT_H
#define _VIRTIO_MSG_LAYOUT_H

#include <linux/types.h>

struct device;

/**
 * struct vmsg_layout_side - where one side keeps what it writes
 * @head: its struct virtio_msg_amp_head
 * @notif: its notification words
 * @elements: its message slots
 * @side: its struct virtio_msg_stratos_side
 *
 * All are offsets in the region.
 */
struct vmsg_layout_side {
	u64 head;
	u64 notif;
	u64 elements;
	u64 side;
};

/**
 * struct vmsg_layout - a private copy of page 0, in which everything was checked
 * @notif_words: notification words of 64 bits of each side, 1 to 64
 * @vq_notif: notification bits of each device
 * @max_devices: device numbers go from 0 to one less
 * @slots: message slots of each side, at least 2
 * @slot_size: bytes of a slot, at least 64
 * @dev: the device side's areas
 * @drv: the driver side's areas, that is ours
 * @pool: offset in the region of the memory of the devices
 * @pool_size: its bytes
 */
struct vmsg_layout {
	u32 notif_words;
	u32 vq_notif;
	u32 max_devices;
	u32 slots;
	u32 slot_size;
	struct vmsg_layout_side dev;
	struct vmsg_layout_side drv;
	u64 pool;
	u64 pool_size;
};

int vmsg_layout_read(struct device *dev, const void *region, u64 size,
		     struct vmsg_layout *layout);

#endif /* _VIRTIO_MSG_LAYOUT_H */
