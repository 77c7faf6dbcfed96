// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which devices there are: enumeration, hot plug, hot unplug.
 *
 * All of it is done by one work, the topology work, because drivers are bound and
 * unbound in it and take their time.  Each request that they make has its own
 * deadline, and none waits when the link is down.
 */
#include <linux/bitmap.h>
#include <linux/dev_printk.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "internal.h"

static void vmsg_device_release(struct device *d)
{
	struct vmsg_device *dev = dev_to_vmsg(d);

	vmsg_pool_destroy(&dev->pool);
	kfree(dev->config.data);
	kfree(dev);
}

static void vmsg_vdev_release(struct device *d)
{
	put_device(&vdev_to_vmsg(dev_to_virtio(d))->dev);
}

/* Makes the device known to vmsg_dispatch(), or takes it away. */
static void vmsg_publish_device(struct virtio_msg_link *link, unsigned int num,
				struct vmsg_device *dev)
{
	guard(spinlock_irqsave)(&link->rx_lock);
	link->devices[num] = dev;
}

/* Does the device's memory keep clear of that of the others? */
static bool vmsg_memory_free(struct vmsg_device *dev, u64 address, u64 length)
{
	struct virtio_msg_link *link = dev->link;
	unsigned int num;

	for (num = 0; num < link->layout.max_devices; num++) {
		struct vmsg_device *other = link->devices[num];

		if (other && other != dev &&
		    address < other->pool.address + other->pool.size &&
		    other->pool.address < address + length)
			return false;
	}

	return true;
}

/**
 * vmsg_device_identify - ask a device what it is and where its memory lies
 * @dev: the device; its info is filled
 * @address: offset in the region of the device's memory
 * @length: its bytes
 *
 * Return: 0; -ENODEV if it is a placeholder; -EINVAL, with a message, if its
 * memory cannot be; or what a request failed with.
 */
int vmsg_device_identify(struct vmsg_device *dev, u64 *address, u64 *length)
{
	const struct vmsg_layout *layout = &dev->link->layout;
	int err;

	err = vmsg_get_info(dev, &dev->info);
	if (err)
		return err;
	if (!dev->info.device_id)
		return -ENODEV;
	err = vmsg_get_memory(dev, address, length);
	if (err)
		return err;

	if (!*length || !IS_ALIGNED(*address | *length, SZ_4K) ||
	    *address < layout->pool || *address - layout->pool > layout->pool_size ||
	    *length > layout->pool_size - (*address - layout->pool) ||
	    !vmsg_memory_free(dev, *address, *length)) {
		vmsg_err(dev, "memory at %#llx, %#llx bytes, is misplaced\n",
			 *address, *length);
		return -EINVAL;
	}

	return 0;
}

/* Asks and prepares; nothing that the rest of the kernel sees. */
static int vmsg_device_prepare(struct vmsg_device *dev)
{
	u64 address, length;
	int err;

	err = vmsg_device_identify(dev, &address, &length);
	if (err)
		return err;
	err = vmsg_config_init(dev);
	if (err)
		return err;
	err = vmsg_pool_init(&dev->pool, dev->link->region, address, length);
	if (err)
		return err;

	return vmsg_map_init(dev);
}

static int vmsg_device_register(struct vmsg_device *dev)
{
	int err;

	err = device_add(&dev->dev);
	if (err)
		return err;

	dev->vdev.dev.parent = &dev->dev;
	dev->vdev.dev.release = vmsg_vdev_release;
	dev->vdev.config = &vmsg_config_ops;
	dev->vdev.id.device = dev->info.device_id;
	dev->vdev.id.vendor = dev->info.vendor_id;

	/* Given back by vmsg_vdev_release() */
	get_device(&dev->dev);
	err = register_virtio_device(&dev->vdev);
	if (err) {
		put_device(&dev->vdev.dev);
		device_del(&dev->dev);
		return err;
	}

	WRITE_ONCE(dev->registered, true);
	/* An event in between was not passed on. */
	if (READ_ONCE(dev->config_stale))
		virtio_config_changed(&dev->vdev);
	return 0;
}

static void vmsg_device_add(struct virtio_msg_link *link, unsigned int num, u32 run)
{
	struct vmsg_device *dev;
	int err;

	dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return;

	dev->link = link;
	dev->num = num;
	dev->run = run;
	vmsg_channel_init(&dev->requests);
	device_initialize(&dev->dev);
	dev->dev.parent = link->parent;
	dev->dev.release = vmsg_device_release;
	err = dev_set_name(&dev->dev, "vmsg%d.%u", link->id, num);
	if (err)
		goto err_put;

	/* Its responses must find it. */
	vmsg_publish_device(link, num, dev);
	err = vmsg_device_prepare(dev);
	if (!err)
		err = vmsg_device_register(dev);
	if (!err)
		return;

	vmsg_publish_device(link, num, NULL);
	if (err != -ENODEV)
		dev_err(link->parent, "device %u cannot be used: %d\n", num, err);
err_put:
	put_device(&dev->dev);
}

static void vmsg_device_remove(struct vmsg_device *dev)
{
	struct virtio_msg_link *link = dev->link;

	WRITE_ONCE(dev->registered, false);
	unregister_virtio_device(&dev->vdev);
	vmsg_publish_device(link, dev->num, NULL);
	device_unregister(&dev->dev);
}

/**
 * vmsg_remove_devices - take all devices away
 * @link: the link, whose topology is held
 */
void vmsg_remove_devices(struct virtio_msg_link *link)
{
	unsigned int num;

	for (num = 0; num < link->layout.max_devices; num++)
		if (link->devices[num])
			vmsg_device_remove(link->devices[num]);
}

static void vmsg_remove_stale(struct virtio_msg_link *link)
{
	unsigned int num;

	/* A dead peer may come back, but then it begins anew. */
	if (READ_ONCE(link->state) == VIRTIO_MSG_AMP_PEER_DEAD)
		return;

	for (num = 0; num < link->layout.max_devices; num++) {
		struct vmsg_device *dev = link->devices[num];

		if (dev && (READ_ONCE(dev->gone) || !vmsg_link_up(link, dev->run)))
			vmsg_device_remove(dev);
	}
}

/* Finds the devices of a run; how this failed is the state machine's business. */
static void vmsg_enumerate(struct virtio_msg_link *link, u32 run)
{
	unsigned long *present;
	unsigned int num;
	int err = -ENOMEM;

	present = bitmap_zalloc(link->layout.max_devices, GFP_KERNEL);
	if (present)
		err = vmsg_get_devices(link, run, present);
	if (err)
		dev_err(link->parent, "no list of devices: %d\n", err);
	else
		for_each_set_bit(num, present, link->layout.max_devices)
			set_bit(num, link->appeared);
	bitmap_free(present);

	if (err == -ETIMEDOUT)
		WRITE_ONCE(link->ping, 1);
}

/* A request timed out: is it the device, or is it the peer? */
static void vmsg_ping_peer(struct virtio_msg_link *link, u32 run)
{
	int err = vmsg_ping(link, run);

	if (err != -ETIMEDOUT && err != -EPROTO)
		return;

	guard(spinlock_irqsave)(&link->rx_lock);
	if (vmsg_link_up(link, run)) {
		link->mute = true;
		vmsg_link_wake(link);
	}
}

/**
 * vmsg_topology_work - have the devices be those that the peer has
 * @work: the link's topology work
 */
void vmsg_topology_work(struct work_struct *work)
{
	struct virtio_msg_link *link = container_of(work, struct virtio_msg_link,
						    topology);
	u32 run = READ_ONCE(link->run);
	unsigned int num;

	if (READ_ONCE(link->held))
		return;

	vmsg_remove_stale(link);
	if (!vmsg_link_up(link, run))
		return;

	if (link->scanned != run) {
		link->scanned = run;
		vmsg_enumerate(link, run);
	}
	for_each_set_bit(num, link->appeared, link->layout.max_devices)
		if (test_and_clear_bit(num, link->appeared) && !link->devices[num])
			vmsg_device_add(link, num, run);

	if (xchg(&link->ping, 0))
		vmsg_ping_peer(link, run);
}

/**
 * vmsg_topology_hold - from now on no device comes or goes
 * @link: the link
 */
void vmsg_topology_hold(struct virtio_msg_link *link)
{
	WRITE_ONCE(link->held, true);
	cancel_work_sync(&link->topology);
}

/**
 * vmsg_topology_release - undo vmsg_topology_hold()
 * @link: the link
 */
void vmsg_topology_release(struct virtio_msg_link *link)
{
	WRITE_ONCE(link->held, false);
	queue_work(vmsg_topology_queue, &link->topology);
}
