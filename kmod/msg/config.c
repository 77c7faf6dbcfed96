// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration space, read whole and served from a private copy.
 *
 * A driver reads its configuration field by field, often byte by byte.  Each
 * read would be a request, and fields of different generations could meet.  So
 * the whole space is read at once, in as many pieces as it takes, until all
 * pieces are of one generation; the copy is good until the device reports a
 * change or the driver writes.
 */
#include <linux/dev_printk.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"

/* How often to begin again when the content changes while it is read */
#define VMSG_CONFIG_TRIES	5
/* virtio_cread() repeats until nothing changes: no peer may keep it at that */
#define VMSG_CONFIG_READS	200
/* Far more than any device has */
#define VMSG_CONFIG_MAX		SZ_4K

/**
 * vmsg_config_init - prepare the private copy
 * @dev: the device, whose info is known
 *
 * Return: 0, -EINVAL if the device claims too much, -ENOMEM.
 */
int vmsg_config_init(struct vmsg_device *dev)
{
	mutex_init(&dev->config.lock);
	if (dev->info.config_size > VMSG_CONFIG_MAX)
		return -EINVAL;
	if (!dev->info.config_size)
		return 0;

	dev->config.data = kzalloc(dev->info.config_size, GFP_KERNEL);
	return dev->config.data ? 0 : -ENOMEM;
}

static size_t vmsg_config_piece(const struct vmsg_device *dev)
{
	return vmsg_max_payload(dev->link) - sizeof(struct virtio_msg_config);
}

/* Reads all pieces once; -EAGAIN if they are not of one generation. */
static int vmsg_config_try(struct vmsg_device *dev)
{
	struct vmsg_config *config = &dev->config;
	size_t piece = vmsg_config_piece(dev);
	u32 offset, generation, first = 0;
	size_t length;
	int err;

	for (offset = 0; offset < dev->info.config_size; offset += length) {
		length = min_t(size_t, piece, dev->info.config_size - offset);
		err = vmsg_get_config(dev, offset, config->data + offset, length,
				      &generation);
		if (err)
			return err;
		if (offset && generation != first)
			return -EAGAIN;
		first = generation;
	}

	config->generation = first;
	return 0;
}

/* Counts; a device that changes faster than can be read is broken. */
static bool vmsg_config_restless(struct vmsg_config *config)
{
	if (time_after(jiffies, config->window + HZ)) {
		config->window = jiffies;
		config->reads = 0;
	}

	return ++config->reads > VMSG_CONFIG_READS;
}

/* Makes the copy valid; the caller holds the lock. */
static int vmsg_config_read(struct vmsg_device *dev)
{
	struct vmsg_config *config = &dev->config;
	unsigned int try;
	int err = -EAGAIN;

	/* What changes from here on makes the copy stale again. */
	if (xchg(&dev->config_stale, 0))
		config->valid = false;
	if (config->valid)
		return 0;

	for (try = 0; err == -EAGAIN && try < VMSG_CONFIG_TRIES; try++) {
		if (vmsg_config_restless(config))
			break;
		err = vmsg_config_try(dev);
	}
	if (err == -EAGAIN) {
		vmsg_err(dev, "configuration does not hold still, it is broken\n");
		vmsg_device_break(dev);
	}

	config->valid = !err;
	return err;
}

/**
 * vmsg_config_get - virtio_config_ops.get
 * @vdev: the virtio device
 * @offset: where
 * @data: filled; with zeros if the device does not tell
 * @length: bytes
 */
void vmsg_config_get(struct virtio_device *vdev, unsigned int offset, void *data,
		     unsigned int length)
{
	struct vmsg_device *dev = vdev_to_vmsg(vdev);
	u32 size = dev->info.config_size;

	memset(data, 0, length);
	if (offset > size || length > size - offset)
		return;
	if (mutex_lock_killable(&dev->config.lock))
		return;
	if (!vmsg_config_read(dev))
		memcpy(data, dev->config.data + offset, length);
	mutex_unlock(&dev->config.lock);
}

/**
 * vmsg_config_set - virtio_config_ops.set
 * @vdev: the virtio device
 * @offset: where
 * @data: to write
 * @length: bytes
 */
void vmsg_config_set(struct virtio_device *vdev, unsigned int offset, const void *data,
		     unsigned int length)
{
	struct vmsg_device *dev = vdev_to_vmsg(vdev);
	size_t piece = vmsg_config_piece(dev);
	int err = 0;

	if (mutex_lock_killable(&dev->config.lock))
		return;
	/* A write may change more than what was written. */
	dev->config.valid = false;
	while (length && !err) {
		size_t now = min_t(size_t, piece, length);

		err = vmsg_set_config(dev, offset, data, now);
		offset += now;
		data += now;
		length -= now;
	}
	mutex_unlock(&dev->config.lock);

	if (err == -EPERM && __ratelimit(&dev->link->complaints))
		vmsg_err(dev, "rejects a write to its configuration\n");
}

/**
 * vmsg_config_generation - virtio_config_ops.generation
 * @vdev: the virtio device
 *
 * A field that is read twice under one generation comes from one copy, so this
 * is the generation of the copy, which is refreshed first if it is stale.
 *
 * Return: the generation.
 */
u32 vmsg_config_generation(struct virtio_device *vdev)
{
	struct vmsg_device *dev = vdev_to_vmsg(vdev);
	u32 generation = 0;

	if (mutex_lock_killable(&dev->config.lock))
		return 0;
	if (!vmsg_config_read(dev))
		generation = dev->config.generation;
	mutex_unlock(&dev->config.lock);

	return generation;
}
