/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a bus driver needs of the virtio-msg transport.
 *
 * A bus driver finds a region of shared memory and two doorbells and makes a
 * link of them:
 *
 *	link = virtio_msg_link_create(dev, &ops, priv, region, size, doorbell);
 *	dev_set_drvdata(dev, link);
 *	... request the interrupt; its handler calls virtio_msg_link_interrupt() ...
 *	virtio_msg_link_start(link);
 *
 * and undoes it in the opposite order with virtio_msg_link_stop(), the free of
 * the interrupt and virtio_msg_link_destroy().  It puts virtio_msg_link_groups
 * into the dev_groups of its driver.
 */
#ifndef _VIRTIO_MSG_LINK_H
#define _VIRTIO_MSG_LINK_H

#include <linux/types.h>

struct attribute_group;
struct device;
struct virtio_msg_link;

/**
 * struct virtio_msg_bus_ops - what differs between buses
 * @ring: ring the peer's doorbell.  @doorbell is what the peer published, and
 *	as little to be trusted as anything of the peer's.  Orders all earlier
 *	writes to the region before the ring.  Called in atomic context.
 */
struct virtio_msg_bus_ops {
	void (*ring)(void *priv, u32 doorbell);
};

extern const struct attribute_group *virtio_msg_link_groups[];

struct virtio_msg_link *
virtio_msg_link_create(struct device *parent,
		       const struct virtio_msg_bus_ops *ops, void *priv,
		       void *region, u64 size, u32 doorbell);
void virtio_msg_link_destroy(struct virtio_msg_link *link);

void virtio_msg_link_start(struct virtio_msg_link *link);
void virtio_msg_link_stop(struct virtio_msg_link *link);
void virtio_msg_link_abandon(struct virtio_msg_link *link);
void virtio_msg_link_shutdown(struct virtio_msg_link *link);

void virtio_msg_link_interrupt(struct virtio_msg_link *link);

int virtio_msg_link_suspend(struct virtio_msg_link *link);
void virtio_msg_link_resume(struct virtio_msg_link *link);
void virtio_msg_link_pause(struct virtio_msg_link *link);
void virtio_msg_link_unpause(struct virtio_msg_link *link);

#endif /* _VIRTIO_MSG_LINK_H */
