// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replay protected memory block over virtio (device id 28)
 *
 * OASIS Virtual I/O Device (VIRTIO) Version 1.4, chapter "RPMB Device".
 */

/**
 * DOC: Theory of operation
 *
 * From top to bottom::
 *
 *	chardev.c	the ioctls of an eMMC's RPMB partition
 *	class.c		the rpmb class of the kernel, if it has one
 *	session.c	command by command into requests
 *	request.c	requests into the queue, answers out of it
 *	main.c		the virtio device
 *
 * Each caller has a request of its own in the queue, with memory of its own that
 * lives for as long as the queue or the caller needs it: a caller may leave, and what
 * the device may still write to is freed after the device gave it back or was reset.
 *
 * The device in our class outlives the virtio device for as long as a file is open.
 * What it knows of the virtio device:
 *
 *	queue	@open	@gone	new requests
 *	yes	yes	no	enter the queue, or wait for room
 *	yes	no	no	wait: the system goes to sleep
 *	no	no	no	wait: it sleeps
 *	yes/no	no	yes	fail with ENODEV
 *
 * Every wait for the device ends after request_timeout_ms times the number of
 * requests that it has to serve until then.  A device that did not answer is broken:
 * all requests fail at once, and what it still holds comes back by a reset.  Nothing but
 * a new probe or a resume ends this state.
 *
 * Nobody repeats a request by himself: a write that was executed would be refused the
 * second time.  So a signal ends a wait with EINTR, never with a restart, once the
 * device has the request.
 */

#include <linux/device.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/pm.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "virtio_rpmb.h"

/* A limit of 0 is none; how many of the segments of a chain are for something else? */
static unsigned int virtio_rpmb_limit(u8 limit, unsigned int chain, unsigned int other)
{
	return min_not_zero((unsigned int)limit, chain - other);
}

static int virtio_rpmb_read_config(struct virtio_rpmb *vr, unsigned int ring_size)
{
	struct virtio_device *vdev = vr->vdev;
	unsigned int chain = min(ring_size, VIRTIO_RPMB_CHAIN_MAX);
	u8 capacity, max_write, max_read;

	/* The shortest write: its frame, RESULT_READ, and the answer */
	if (chain < 3) {
		dev_err(&vdev->dev, "a queue of %u is too small, at least 3 are needed\n",
			ring_size);
		return -EINVAL;
	}

	virtio_cread_le(vdev, struct virtio_rpmb_config, capacity, &capacity);
	virtio_cread_le(vdev, struct virtio_rpmb_config, max_wr_cnt, &max_write);
	virtio_cread_le(vdev, struct virtio_rpmb_config, max_rd_cnt, &max_read);
	if (!capacity || capacity > VIRTIO_RPMB_MAX_CAPACITY) {
		dev_err(&vdev->dev, "capacity of %u x 128 KiB, it has to be 1 to %u\n",
			capacity, VIRTIO_RPMB_MAX_CAPACITY);
		return -EINVAL;
	}

	vr->capacity = capacity;
	vr->max_write = virtio_rpmb_limit(max_write, chain, 2);
	vr->max_read = virtio_rpmb_limit(max_read, chain, 1);

	return 0;
}

/* A queue and a device that is ready; else nothing at all */
static int virtio_rpmb_setup(struct virtio_rpmb *vr)
{
	struct virtqueue_info info[VIRTIO_RPMB_QUEUE_COUNT] = {
		[VIRTIO_RPMB_QUEUE_REQUEST] = { "request", virtio_rpmb_queue_done },
	};
	struct virtio_device *vdev = vr->vdev;
	struct virtqueue *vq[VIRTIO_RPMB_QUEUE_COUNT];
	int err;

	err = virtio_find_vqs(vdev, VIRTIO_RPMB_QUEUE_COUNT, vq, info, NULL);
	if (err)
		return err;

	err = virtio_rpmb_read_config(vr,
				      virtqueue_get_vring_size(vq[VIRTIO_RPMB_QUEUE_REQUEST]));
	if (err) {
		vdev->config->del_vqs(vdev);
		return err;
	}

	virtio_device_ready(vdev);
	virtio_rpmb_queue_open(vr, vq[VIRTIO_RPMB_QUEUE_REQUEST]);

	return 0;
}

/* The queue is closed */
static void virtio_rpmb_teardown(struct virtio_rpmb *vr, int err)
{
	struct virtio_device *vdev = vr->vdev;

	virtio_reset_device(vdev);
	virtio_rpmb_queue_fail(vr, err);
	vdev->config->del_vqs(vdev);
}

/* Called with a spinlock held.  A transport may say in this way that the device has gone bad */
static void virtio_rpmb_config_changed(struct virtio_device *vdev)
{
	struct virtio_rpmb *vr = vdev->priv;

	wake_up_all(&vr->wait);
}

static int virtio_rpmb_validate(struct virtio_device *vdev)
{
	return virtio_has_feature(vdev, VIRTIO_F_VERSION_1) ? 0 : -ENODEV;
}

static void virtio_rpmb_let_go(struct virtio_rpmb *vr)
{
	virtio_rpmb_queue_close(vr, true);
	virtio_rpmb_teardown(vr, -ENODEV);
	scoped_guard(mutex, &vr->vdev_lock)
		vr->vdev = NULL;
}

static int virtio_rpmb_probe(struct virtio_device *vdev)
{
	struct virtio_rpmb *vr;
	int err;

	vr = virtio_rpmb_create(vdev);
	if (IS_ERR(vr))
		return PTR_ERR(vr);

	vr->vdev = vdev;
	vdev->priv = vr;
	err = virtio_rpmb_setup(vr);
	if (err)
		goto err_destroy;

	err = virtio_rpmb_publish(vr);
	if (err)
		goto err_let_go;

	err = virtio_rpmb_class_add(vr);
	if (err)
		goto err_withdraw;

	return 0;

err_withdraw:
	virtio_rpmb_withdraw(vr);
err_let_go:
	virtio_rpmb_let_go(vr);
err_destroy:
	virtio_rpmb_destroy(vr);
	return err;
}

static void virtio_rpmb_remove(struct virtio_device *vdev)
{
	struct virtio_rpmb *vr = vdev->priv;

	virtio_rpmb_class_del(vr);
	virtio_rpmb_withdraw(vr);
	virtio_rpmb_let_go(vr);
	virtio_rpmb_destroy(vr);
}

static int virtio_rpmb_freeze(struct virtio_device *vdev)
{
	struct virtio_rpmb *vr = vdev->priv;

	virtio_rpmb_queue_close(vr, false);
	virtio_rpmb_queue_drain(vr);
	virtio_rpmb_teardown(vr, -ETIMEDOUT);

	return 0;
}

static int virtio_rpmb_restore(struct virtio_device *vdev)
{
	struct virtio_rpmb *vr = vdev->priv;
	int err;

	err = virtio_rpmb_setup(vr);
	if (err)
		virtio_rpmb_queue_close(vr, true);

	return err;
}

static const struct virtio_device_id virtio_rpmb_id_table[] = {
	{ VIRTIO_RPMB_DEVICE_ID, VIRTIO_DEV_ANY_ID },
	{ 0 },
};
MODULE_DEVICE_TABLE(virtio, virtio_rpmb_id_table);

static struct virtio_driver virtio_rpmb_driver = {
	.driver.name		= KBUILD_MODNAME,
	.driver.owner		= THIS_MODULE,
	.id_table		= virtio_rpmb_id_table,
	.validate		= virtio_rpmb_validate,
	.probe			= virtio_rpmb_probe,
	.remove			= virtio_rpmb_remove,
	.config_changed		= virtio_rpmb_config_changed,
	.freeze			= pm_sleep_ptr(virtio_rpmb_freeze),
	.restore		= pm_sleep_ptr(virtio_rpmb_restore),
};

static int __init virtio_rpmb_init(void)
{
	int err;

	err = virtio_rpmb_chardev_init();
	if (err)
		return err;

	err = register_virtio_driver(&virtio_rpmb_driver);
	if (err)
		virtio_rpmb_chardev_exit();

	return err;
}
module_init(virtio_rpmb_init);

static void __exit virtio_rpmb_exit(void)
{
	unregister_virtio_driver(&virtio_rpmb_driver);
	virtio_rpmb_chardev_exit();
}
module_exit(virtio_rpmb_exit);

MODULE_AUTHOR("Stratos");
MODULE_DESCRIPTION("Replay protected memory block over virtio");
MODULE_VERSION(STRATOS_VERSION);
MODULE_LICENSE("GPL");
