// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sleep.
 *
 * For a peer elsewhere we are gone, and come back as another incarnation: suspend
 * and resume.  A peer that sleeps and wakes with us, memory and all, misses
 * nothing, and nothing is torn down: pause and unpause.
 */
#include <linux/bitops.h>
#include <linux/dev_printk.h>
#include <linux/export.h>
#include <linux/jiffies.h>

#include "internal.h"

/* Lets all devices from @num down to the first one go on. */
static void vmsg_thaw(struct virtio_msg_link *link, unsigned int num)
{
	while (num--)
		if (link->devices[num])
			virtio_device_restore(&link->devices[num]->vdev);
}

/**
 * virtio_msg_link_suspend - prepare for sleep
 * @link: the link
 *
 * Return: 0 or what a driver refused to sleep with.
 */
int virtio_msg_link_suspend(struct virtio_msg_link *link)
{
	unsigned int num;
	int err;

	vmsg_topology_hold(link);
	for (num = 0; num < link->layout.max_devices; num++) {
		if (!link->devices[num])
			continue;
		err = virtio_device_freeze(&link->devices[num]->vdev);
		if (err) {
			vmsg_thaw(link, num);
			vmsg_topology_release(link);
			return err;
		}
	}

	vmsg_link_halt(link);
	return 0;
}
EXPORT_SYMBOL_GPL(virtio_msg_link_suspend);

/* Is the device still there, and the same? */
static int vmsg_device_resume(struct vmsg_device *dev, u32 run)
{
	struct vmsg_info before = dev->info;
	u64 address, length;
	int err;

	scoped_guard(spinlock_irqsave, &dev->link->rx_lock) {
		WRITE_ONCE(dev->run, run);
		WRITE_ONCE(dev->broken, false);
	}

	err = vmsg_device_identify(dev, &address, &length);
	if (err)
		return err;
	if (dev->info.device_id != before.device_id ||
	    dev->info.vendor_id != before.vendor_id ||
	    dev->info.config_size != before.config_size ||
	    address != dev->pool.address || length != dev->pool.size) {
		dev->info = before;
		return -ENODEV;
	}

	return virtio_device_restore(&dev->vdev);
}

static bool vmsg_has_devices(struct virtio_msg_link *link)
{
	unsigned int num;

	for (num = 0; num < link->layout.max_devices; num++)
		if (link->devices[num])
			return true;

	return false;
}

/**
 * virtio_msg_link_resume - wake up
 * @link: the link
 *
 * Waits for the peer no longer than peer_timeout_ms, and only if there are
 * devices that it must bring back.  Devices that are not as
 * they were are taken away, and added again if they are there at all.
 */
void virtio_msg_link_resume(struct virtio_msg_link *link)
{
	unsigned int num;
	u32 run;

	virtio_msg_link_start(link);
	if (vmsg_has_devices(link))
		wait_event_timeout(link->state_changed,
				   READ_ONCE(link->state) == VIRTIO_MSG_AMP_RUN,
				   msecs_to_jiffies(vmsg_peer_timeout_ms));
	run = READ_ONCE(link->run);

	for (num = 0; num < link->layout.max_devices; num++) {
		struct vmsg_device *dev = link->devices[num];

		if (!dev || !vmsg_device_resume(dev, run))
			continue;
		vmsg_err(dev, "did not survive the sleep\n");
		guard(spinlock_irqsave)(&link->rx_lock);
		vmsg_device_gone(dev);
	}

	/* Enumerates, because this is a new run. */
	vmsg_topology_release(link);
}
EXPORT_SYMBOL_GPL(virtio_msg_link_resume);

/**
 * virtio_msg_link_pause - prepare for sleep together with the peer
 * @link: the link
 *
 * Called when the peer does not run any more.  Waits for devices that are coming
 * or going, each of whose requests has its deadline.
 */
void virtio_msg_link_pause(struct virtio_msg_link *link)
{
	vmsg_topology_hold(link);
	vmsg_link_rest(link);
}
EXPORT_SYMBOL_GPL(virtio_msg_link_pause);

/**
 * virtio_msg_link_unpause - undo virtio_msg_link_pause()
 * @link: the link
 *
 * Called when the peer is about to run again, or runs.
 */
void virtio_msg_link_unpause(struct virtio_msg_link *link)
{
	vmsg_link_set_off(link);
	vmsg_topology_release(link);
}
EXPORT_SYMBOL_GPL(virtio_msg_link_unpause);
