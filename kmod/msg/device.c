// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio device of the link, as virtio drivers see it.
 */
#include <linux/delay.h>
#include <linux/dev_printk.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "internal.h"

/* The used ring begins a page of its own: each page has one writer */
#define VMSG_RING_ALIGN		SZ_4K
/* The largest split ring that there is */
#define VMSG_MAX_RING		32768
#define VMSG_RESET_POLL_MS	5

/**
 * vmsg_err - tell the log about a device
 * @dev: the device; it has no driver of its own to speak for it
 * @format: as in printk()
 */
void vmsg_err(const struct vmsg_device *dev, const char *format, ...)
{
	struct va_format vaf = { .fmt = format };
	va_list args;

	va_start(args, format);
	vaf.va = &args;
	dev_err(dev->link->parent, "device %u: %pV", dev->num, &vaf);
	va_end(args);
}

/* Has the driver look at the device, if it has one. */
static void vmsg_device_poke(struct vmsg_device *dev)
{
	if (READ_ONCE(dev->registered))
		virtio_config_changed(&dev->vdev);
}

/**
 * vmsg_device_break_locked - stop using a device
 * @dev: the device; the caller holds link->rx_lock
 *
 * As virtio_break_device(), but possible in an interrupt handler.  The driver is
 * told, as it would else notice only when it next uses a queue.
 */
void vmsg_device_break_locked(struct vmsg_device *dev)
{
	unsigned int i;

	lockdep_assert_held(&dev->link->rx_lock);

	WRITE_ONCE(dev->broken, true);
	for (i = 0; i < dev->nvqs; i++)
		if (dev->vqs[i])
			__virtqueue_break(dev->vqs[i]);
	vmsg_device_poke(dev);
}

/**
 * vmsg_device_break - stop using a device
 * @dev: the device
 */
void vmsg_device_break(struct vmsg_device *dev)
{
	guard(spinlock_irqsave)(&dev->link->rx_lock);
	vmsg_device_break_locked(dev);
}

/**
 * vmsg_device_gone - the device side took the device away
 * @dev: the device; the caller holds link->rx_lock
 */
void vmsg_device_gone(struct vmsg_device *dev)
{
	WRITE_ONCE(dev->gone, true);
	vmsg_device_break_locked(dev);
	vmsg_channel_fail(&dev->requests);
}

/**
 * vmsg_device_notified - the device side notified queues
 * @dev: the device; the caller holds link->rx_lock
 * @bit: which of the device's notification bits; queues share them
 */
void vmsg_device_notified(struct vmsg_device *dev, unsigned int bit)
{
	unsigned int i;

	for (i = bit; i < dev->nvqs; i += dev->link->layout.vq_notif)
		if (dev->vqs[i])
			vring_interrupt(0, dev->vqs[i]);
}

/**
 * vmsg_device_config_event - the device changed its configuration or its status
 * @dev: the device; the caller holds link->rx_lock
 * @status: the device's status
 */
void vmsg_device_config_event(struct vmsg_device *dev, u32 status)
{
	WRITE_ONCE(dev->config_stale, 1);
	if ((status & VIRTIO_CONFIG_S_NEEDS_RESET) && !dev->needs_reset) {
		WRITE_ONCE(dev->needs_reset, true);
		vmsg_err(dev, "needs a reset, it is broken\n");
		vmsg_device_break_locked(dev);
		return;
	}
	vmsg_device_poke(dev);
}

static u64 vmsg_get_features_op(struct virtio_device *vdev)
{
	u64 features;

	return vmsg_get_features(vdev_to_vmsg(vdev), &features) ? 0 : features;
}

static int vmsg_finalize_features(struct virtio_device *vdev)
{
	struct vmsg_device *dev = vdev_to_vmsg(vdev);

	vring_transport_features(vdev);

	if (!__virtio_test_bit(vdev, VIRTIO_F_VERSION_1) ||
	    !__virtio_test_bit(vdev, VIRTIO_F_ACCESS_PLATFORM)) {
		vmsg_err(dev, "must offer VERSION_1 and ACCESS_PLATFORM\n");
		return -EINVAL;
	}

	return vmsg_set_features(dev, vdev->features);
}

/*
 * A device may take bits of the status back and may need a reset; it does not
 * invent what the driver did not write.
 */
static u8 vmsg_get_status_op(struct virtio_device *vdev)
{
	struct vmsg_device *dev = vdev_to_vmsg(vdev);
	u32 status;

	if (!dev->status)
		return 0;
	/* Such a device is broken: it is not asked any more. */
	if (READ_ONCE(dev->needs_reset))
		return dev->status | VIRTIO_CONFIG_S_NEEDS_RESET;
	if (vmsg_get_status(dev, &status))
		return 0;
	return status & (dev->status | VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* Waits, with a deadline, until the device says that it has stopped. */
static int vmsg_reset_await(struct vmsg_device *dev)
{
	unsigned long expires = jiffies + msecs_to_jiffies(vmsg_reset_timeout_ms);
	u32 status;
	int err;

	err = vmsg_set_status(dev, 0, &status);
	while (!err && status) {
		if (time_after(jiffies, expires))
			return -ETIMEDOUT;
		if (fatal_signal_pending(current))
			return -EINTR;
		msleep(VMSG_RESET_POLL_MS);
		err = vmsg_get_status(dev, &status);
	}

	return err;
}

static void vmsg_reset(struct virtio_device *vdev)
{
	struct vmsg_device *dev = vdev_to_vmsg(vdev);
	struct virtio_msg_link *link = dev->link;
	int err;

	/* A reset is what makes a broken device whole, if the link is up. */
	scoped_guard(spinlock_irqsave, &link->rx_lock) {
		if (vmsg_link_up(link, dev->run) && !dev->gone)
			WRITE_ONCE(dev->broken, false);
		WRITE_ONCE(dev->needs_reset, false);
	}

	dev->status = 0;
	WRITE_ONCE(dev->config_stale, 1);
	err = vmsg_reset_await(dev);
	dev->unreset = err;
	if (!err || err == -EIO)
		return;

	/* It may still write to its memory, so nobody gets any of it. */
	vmsg_err(dev, "does not stop: %d\n", err);
	vmsg_device_break(dev);
}

static void vmsg_set_status_op(struct virtio_device *vdev, u8 status)
{
	struct vmsg_device *dev = vdev_to_vmsg(vdev);
	u32 result;

	/* The first that a driver does; its predecessor did not come that far. */
	if (dev->unreset && (status & VIRTIO_CONFIG_S_DRIVER)) {
		vmsg_reset(vdev);
		status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	}
	if (vmsg_set_status(dev, status, &result))
		return;

	dev->status = status;
	if (status & VIRTIO_CONFIG_S_FAILED) {
		/* The device still knows queues that the driver gave up. */
		dev->unreset = true;
		dev->status = VIRTIO_CONFIG_S_FAILED;
	}
}

static bool vmsg_notify_op(struct virtqueue *vq)
{
	return vmsg_notify_queue(vdev_to_vmsg(vq->vdev), vq->index);
}

/* Makes the queue known to the interrupt handler, or unknown. */
static void vmsg_publish_vq(struct vmsg_device *dev, unsigned int index,
			    struct virtqueue *vq)
{
	guard(spinlock_irqsave)(&dev->link->rx_lock);
	dev->vqs[index] = vq;
	/* The device may have been broken since the queue was created. */
	if (vq && dev->broken)
		__virtqueue_break(vq);
}

static struct virtqueue *vmsg_setup_vq(struct vmsg_device *dev, unsigned int index,
				       const struct virtqueue_info *info)
{
	struct virtqueue *vq;
	u32 max_size;
	bool enabled;
	int err;

	if (index >= dev->info.max_vqs)
		return ERR_PTR(-ENOENT);
	err = vmsg_get_vqueue(dev, index, &max_size, &enabled);
	if (err)
		return ERR_PTR(err);
	if (!max_size || enabled)
		return ERR_PTR(-ENOENT);
	/* A size that is no power of two is none for a split ring. */
	max_size = rounddown_pow_of_two(min_t(u32, max_size, VMSG_MAX_RING));

	vq = vring_create_virtqueue(index, max_size, VMSG_RING_ALIGN, &dev->vdev,
				    true, true, info->ctx, vmsg_notify_op,
				    info->callback, info->name);
	if (!vq)
		return ERR_PTR(-ENOMEM);
	vq->num_max = max_size;

	err = vmsg_set_vqueue(dev, vq);
	if (!err)
		err = vmsg_get_vqueue(dev, index, &max_size, &enabled);
	if (!err && !enabled) {
		vmsg_err(dev, "refuses queue %u\n", index);
		err = -EINVAL;
	}
	if (err) {
		vring_del_virtqueue(vq);
		return ERR_PTR(err);
	}

	vmsg_publish_vq(dev, index, vq);
	return vq;
}

static void vmsg_del_vqs(struct virtio_device *vdev)
{
	struct vmsg_device *dev = vdev_to_vmsg(vdev);
	struct virtqueue *vq, *next;
	struct virtqueue **vqs;

	/* From here on the interrupt handler knows none of them. */
	scoped_guard(spinlock_irqsave, &dev->link->rx_lock) {
		vqs = dev->vqs;
		dev->vqs = NULL;
		dev->nvqs = 0;
	}
	kfree(vqs);

	list_for_each_entry_safe(vq, next, &vdev->vqs, list)
		vring_del_virtqueue(vq);
}

static int vmsg_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
			 struct virtqueue *vqs[],
			 struct virtqueue_info vqs_info[],
			 struct irq_affinity *desc)
{
	struct vmsg_device *dev = vdev_to_vmsg(vdev);
	unsigned int i, index = 0;
	struct virtqueue **table;

	table = kcalloc(nvqs, sizeof(*table), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	scoped_guard(spinlock_irqsave, &dev->link->rx_lock) {
		dev->vqs = table;
		dev->nvqs = nvqs;
	}

	for (i = 0; i < nvqs; i++) {
		if (!vqs_info[i].name) {
			vqs[i] = NULL;
			continue;
		}
		vqs[i] = vmsg_setup_vq(dev, index++, &vqs_info[i]);
		if (IS_ERR(vqs[i])) {
			int err = PTR_ERR(vqs[i]);

			vmsg_del_vqs(vdev);
			return err;
		}
	}

	return 0;
}

COMPAT_DEFINE_FIND_VQS(vmsg_find_vqs);

/* Callbacks run under rx_lock: whoever gets it has seen them all end. */
static void vmsg_synchronize_cbs(struct virtio_device *vdev)
{
	struct virtio_msg_link *link = vdev_to_vmsg(vdev)->link;

	guard(spinlock_irqsave)(&link->rx_lock);
}

static const char *vmsg_bus_name(struct virtio_device *vdev)
{
	return dev_name(&vdev_to_vmsg(vdev)->dev);
}

const struct virtio_config_ops vmsg_config_ops = {
	.get			= vmsg_config_get,
	.set			= vmsg_config_set,
	.generation		= vmsg_config_generation,
	.get_status		= vmsg_get_status_op,
	.set_status		= vmsg_set_status_op,
	.reset			= vmsg_reset,
	.find_vqs		= COMPAT_FIND_VQS(vmsg_find_vqs),
	.del_vqs		= vmsg_del_vqs,
	.synchronize_cbs	= vmsg_synchronize_cbs,
	.get_features		= vmsg_get_features_op,
	.finalize_features	= vmsg_finalize_features,
	.bus_name		= vmsg_bus_name,
};
