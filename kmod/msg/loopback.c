// SPDX-License-Identifier: GPL-2.0-only
/*
 * Links to a process of this kernel: /dev/virtio-msg-loopback.
 *
 * <linux/virtio_msg_loopback.h> says what a helper does with it.  An open file has
 * one region and one link at most; both last as long as the file, which mappings
 * hold as well.  So nobody is left at the other side when the link ends, and
 * nothing is awaited then.
 *
 * Locks, in the order in which they are taken:
 *
 *	loopback->lock	one ioctl at a time
 *	port->lock	the end of the link, and sleep of the machine
 *
 * Neither is held where user memory is touched, for mmap() comes with mmap_lock
 * held.  Apart from ioctls nothing takes a lock here: region and port are published
 * once and stay.
 */
#include <linux/atomic.h>
#include <linux/bottom_half.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pm.h>
#include <linux/poll.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/virtio_msg_loopback.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>

#include "link.h"

/* There is one doorbell in each direction: its number says nothing. */
#define LOOPBACK_DOORBELL	0

static ulong loopback_max_size = SZ_64M;
module_param_named(max_size, loopback_max_size, ulong, 0644);
MODULE_PARM_DESC(max_size, "Largest region, in bytes (default 64 MiB)");

static DEFINE_IDA(loopback_numbers);

/**
 * struct loopback_port - where a link is in the device tree
 * @dev: parent of the link's devices; its driver data is the link
 * @lock: keeps sleep of the machine apart from the end of the link
 * @number: of the name
 * @link: the link; NULL once it has ended
 */
struct loopback_port {
	struct device dev;
	struct mutex lock;	/* the end of the link */
	int number;
	struct virtio_msg_link *link;
};

#define dev_to_port(d)	container_of(d, struct loopback_port, dev)

/**
 * struct loopback - an open file
 * @lock: one ioctl at a time
 * @size: bytes of @region, valid if there is one
 * @region: the shared memory, or NULL
 * @port: the link's, or NULL before it was started
 * @rung: 1 if the driver side rang since the last read
 * @wait: who waits for that
 */
struct loopback {
	struct mutex lock;	/* one ioctl at a time */
	size_t size;
	void *region;
	struct loopback_port *port;
	atomic_t rung;
	wait_queue_head_t wait;
};

/* ---- The port ----------------------------------------------------------- */

static void loopback_port_release(struct device *dev)
{
	struct loopback_port *port = dev_to_port(dev);

	ida_free(&loopback_numbers, port->number);
	mutex_destroy(&port->lock);
	kfree(port);
}

/*
 * The helper was frozen before devices are asked to sleep and is thawed after they
 * woke: it misses nothing, and its silence in between is not held against it.
 */
static int loopback_port_prepare(struct device *dev)
{
	struct loopback_port *port = dev_to_port(dev);

	guard(mutex)(&port->lock);
	if (port->link)
		virtio_msg_link_pause(port->link);
	return 0;
}

static void loopback_port_complete(struct device *dev)
{
	struct loopback_port *port = dev_to_port(dev);

	guard(mutex)(&port->lock);
	if (port->link)
		virtio_msg_link_unpause(port->link);
}

static const struct dev_pm_ops loopback_port_pm = {
	.prepare	= loopback_port_prepare,
	.complete	= loopback_port_complete,
};

static struct class loopback_class = {
	.name		= "virtio_msg_loopback",
	.dev_groups	= virtio_msg_link_groups,
	.dev_release	= loopback_port_release,
	.pm		= pm_sleep_ptr(&loopback_port_pm),
};

/* Never blocks and wakes whoever waits, be it the task that has us called. */
static void loopback_ring(void *priv, u32 doorbell)
{
	struct loopback *loopback = priv;

	/*
	 * Fully ordered: what was written to the region comes before.  Pairs with
	 * loopback_take_rung().
	 */
	atomic_xchg(&loopback->rung, 1);
	wake_up_interruptible_poll(&loopback->wait, EPOLLIN | EPOLLRDNORM);
}

static const struct virtio_msg_bus_ops loopback_bus_ops = {
	.ring = loopback_ring,
};

static struct loopback_port *loopback_port_create(struct device *parent)
{
	struct loopback_port *port;
	int err;

	port = kzalloc(sizeof(*port), GFP_KERNEL);
	if (!port)
		return ERR_PTR(-ENOMEM);
	port->number = ida_alloc(&loopback_numbers, GFP_KERNEL);
	if (port->number < 0) {
		err = port->number;
		kfree(port);
		return ERR_PTR(err);
	}

	mutex_init(&port->lock);
	device_initialize(&port->dev);
	port->dev.class = &loopback_class;
	port->dev.parent = parent;
	err = dev_set_name(&port->dev, "loopback%d", port->number);
	if (err) {
		put_device(&port->dev);
		return ERR_PTR(err);
	}

	return port;
}

static int loopback_port_start(struct loopback_port *port, struct loopback *loopback)
{
	struct virtio_msg_link *link;
	int err;

	link = virtio_msg_link_create(&port->dev, &loopback_bus_ops, loopback,
				      loopback->region, loopback->size,
				      LOOPBACK_DOORBELL);
	if (IS_ERR(link))
		return PTR_ERR(link);

	dev_set_drvdata(&port->dev, link);
	err = device_add(&port->dev);
	if (err) {
		virtio_msg_link_destroy(link);
		return err;
	}

	port->link = link;
	virtio_msg_link_start(link);
	return 0;
}

static void loopback_port_end(struct loopback_port *port)
{
	struct virtio_msg_link *link = port->link;

	scoped_guard(mutex, &port->lock) {
		virtio_msg_link_abandon(link);
		port->link = NULL;
	}

	device_del(&port->dev);
	/* The files in sysfs, which show the link, are gone. */
	virtio_msg_link_destroy(link);
	put_device(&port->dev);
}

/* ---- ioctl -------------------------------------------------------------- */

static int loopback_create(struct loopback *loopback, const void __user *arg)
{
	struct virtio_msg_loopback_create create;
	void *region;

	if (copy_from_user(&create, arg, sizeof(create)))
		return -EFAULT;
	if (create.flags || create.reserved)
		return -EINVAL;
	if (!create.size || !PAGE_ALIGNED(create.size))
		return -EINVAL;
	if (create.size > READ_ONCE(loopback_max_size))
		return -EFBIG;

	guard(mutex)(&loopback->lock);

	if (loopback->region)
		return -EEXIST;
	/* On the account of who asks for it, as memory of its own would be. */
	region = __vmalloc(create.size, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!region)
		return -ENOMEM;

	loopback->size = create.size;
	/* Pairs with loopback_mmap(), which takes no lock. */
	smp_store_release(&loopback->region, region);
	return 0;
}

static int loopback_start(struct loopback *loopback, struct device *parent)
{
	struct loopback_port *port;
	int err;

	guard(mutex)(&loopback->lock);

	if (!loopback->region)
		return -ENXIO;
	if (loopback->port)
		return -EALREADY;

	port = loopback_port_create(parent);
	if (IS_ERR(port))
		return PTR_ERR(port);
	err = loopback_port_start(port, loopback);
	if (err) {
		put_device(&port->dev);
		return err;
	}

	/* Pairs with loopback_write_iter(), which takes no lock. */
	smp_store_release(&loopback->port, port);
	return 0;
}

static int loopback_info(struct loopback *loopback, void __user *arg)
{
	struct virtio_msg_loopback_info info = {};

	scoped_guard(mutex, &loopback->lock) {
		if (loopback->region)
			info.size = loopback->size;
		if (loopback->port) {
			info.flags = VIRTIO_MSG_LOOPBACK_STARTED;
			info.number = loopback->port->number;
		}
	}

	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static struct miscdevice loopback_misc;

static long loopback_ioctl(struct file *file, unsigned int request, unsigned long arg)
{
	struct loopback *loopback = file->private_data;
	void __user *user = (void __user *)arg;

	switch (request) {
	case VIRTIO_MSG_LOOPBACK_CREATE:
		return loopback_create(loopback, user);
	case VIRTIO_MSG_LOOPBACK_START:
		return loopback_start(loopback, loopback_misc.this_device);
	case VIRTIO_MSG_LOOPBACK_INFO:
		return loopback_info(loopback, user);
	}

	return -ENOTTY;
}

/* ---- Doorbells ---------------------------------------------------------- */

/* Fully ordered: what is read from the region comes after. */
static u64 loopback_take_rung(struct loopback *loopback)
{
	return atomic_xchg(&loopback->rung, 0);
}

static ssize_t loopback_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct loopback *loopback = file->private_data;
	u64 rung;
	int err;

	if (iov_iter_count(to) < sizeof(rung))
		return -EINVAL;

	rung = loopback_take_rung(loopback);
	if (!rung) {
		if ((file->f_flags & O_NONBLOCK) || (iocb->ki_flags & IOCB_NOWAIT))
			return -EAGAIN;
		err = wait_event_interruptible(loopback->wait,
					       (rung = loopback_take_rung(loopback)));
		if (err)
			return err;
	}

	return copy_to_iter(&rung, sizeof(rung), to) == sizeof(rung) ?
	       sizeof(rung) : -EFAULT;
}

static ssize_t loopback_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct loopback *loopback = iocb->ki_filp->private_data;
	/* Pairs with loopback_start(). */
	struct loopback_port *port = smp_load_acquire(&loopback->port);
	u64 count;

	if (iov_iter_count(from) != sizeof(count))
		return -EINVAL;
	if (copy_from_iter(&count, sizeof(count), from) != sizeof(count))
		return -EFAULT;
	if (!count)
		return -EINVAL;
	if (!port)
		return -ENXIO;

	/* What drivers schedule runs at once, on the account of who rings. */
	local_bh_disable();
	virtio_msg_link_interrupt(port->link);
	local_bh_enable();

	return sizeof(count);
}

static __poll_t loopback_poll(struct file *file, poll_table *table)
{
	struct loopback *loopback = file->private_data;
	__poll_t events = EPOLLOUT | EPOLLWRNORM;

	poll_wait(file, &loopback->wait, table);
	if (atomic_read(&loopback->rung))
		events |= EPOLLIN | EPOLLRDNORM;
	return events;
}

/* ---- The file ----------------------------------------------------------- */

static int loopback_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct loopback *loopback = file->private_data;
	/* Pairs with loopback_create(). */
	void *region = smp_load_acquire(&loopback->region);
	size_t offset;
	int err;

	if (!region)
		return -ENXIO;
	/* A private copy of shared memory is always a mistake. */
	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff ||
	    vma->vm_end - vma->vm_start != loopback->size)
		return -EINVAL;

	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	for (offset = 0; offset < loopback->size; offset += PAGE_SIZE) {
		err = vm_insert_page(vma, vma->vm_start + offset,
				     vmalloc_to_page(region + offset));
		if (err)
			return err;
	}

	return 0;
}

static int loopback_open(struct inode *inode, struct file *file)
{
	struct loopback *loopback;

	loopback = kzalloc(sizeof(*loopback), GFP_KERNEL_ACCOUNT);
	if (!loopback)
		return -ENOMEM;

	mutex_init(&loopback->lock);
	init_waitqueue_head(&loopback->wait);
	file->private_data = loopback;
	file->f_mode |= FMODE_NOWAIT;
	return stream_open(inode, file);
}

static int loopback_release(struct inode *inode, struct file *file)
{
	struct loopback *loopback = file->private_data;

	if (loopback->port)
		loopback_port_end(loopback->port);
	vfree(loopback->region);
	mutex_destroy(&loopback->lock);
	kfree(loopback);
	return 0;
}

static const struct file_operations loopback_fops = {
	.owner		= THIS_MODULE,
	.open		= loopback_open,
	.release	= loopback_release,
	.read_iter	= loopback_read_iter,
	.write_iter	= loopback_write_iter,
	.poll		= loopback_poll,
	.mmap		= loopback_mmap,
	.unlocked_ioctl	= loopback_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice loopback_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "virtio-msg-loopback",
	.fops	= &loopback_fops,
};

static int __init loopback_init(void)
{
	int err;

	err = class_register(&loopback_class);
	if (err)
		return err;
	err = misc_register(&loopback_misc);
	if (err)
		class_unregister(&loopback_class);
	return err;
}
module_init(loopback_init);

static void __exit loopback_exit(void)
{
	misc_deregister(&loopback_misc);
	class_unregister(&loopback_class);
}
module_exit(loopback_exit);

MODULE_AUTHOR("Stratos");
MODULE_DESCRIPTION("virtio over messages with a process of this kernel");
MODULE_VERSION(STRATOS_VERSION);
MODULE_LICENSE("GPL");
