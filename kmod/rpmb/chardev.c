// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio_rpmb: the character device, which takes the ioctls of an eMMC's RPMB partition
 *
 * Who may open it may use it: unlike for the eMMC's block device, and as for its RPMB
 * partition, no capability is asked for.  Everything in a request is protected by the key.
 *
 * In sysfs, one value in each file:
 *
 *	capacity		bytes
 *	max_write_blocks	blocks of 256 bytes that one request may write
 *	max_read_blocks		blocks of 256 bytes that one request may read
 *	cid			what stands for the CID of an eMMC, in hexadecimal digits
 */

#include <linux/cdev.h>
#include <linux/compat.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/kernel.h>
#include <linux/mmc/ioctl.h>
#include <linux/mmc/mmc.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>

#include "virtio_rpmb.h"

#define VIRTIO_RPMB_MINORS		64

static char *cids[VIRTIO_RPMB_MINORS];
module_param_array_named(cid, cids, charp, NULL, 0444);
MODULE_PARM_DESC(cid, "Identities of vrpmb0, vrpmb1, ... for OP-TEE, 32 hexadecimal digits each");

static dev_t virtio_rpmb_devt;
static DEFINE_IDA(virtio_rpmb_ida);

/**
 * struct virtio_rpmb_file - an open file
 * @lock: one ioctl at a time, as they build on each other
 * @session: what they build on
 */
struct virtio_rpmb_file {
	struct mutex lock; /* Serialises ioctls */
	struct virtio_rpmb_session session;
};

/**
 * struct virtio_rpmb_cmd - a command of an ioctl
 * @ic: the command
 * @frames: its data
 */
struct virtio_rpmb_cmd {
	struct mmc_ioc_cmd ic;
	struct virtio_rpmb_frame *frames;
};

/* ---- ioctl ------------------------------------------------------------- */

/* Is it one of the two commands that RPMB consists of, in a size that the device takes? */
static int virtio_rpmb_check_cmd(const struct virtio_rpmb *vr, const struct mmc_ioc_cmd *ic)
{
	bool write = ic->opcode == MMC_WRITE_MULTIPLE_BLOCK;

	if ((u64)ic->blksz * ic->blocks > MMC_IOC_MAX_BYTES)
		return -EOVERFLOW;
	if (!write && ic->opcode != MMC_READ_MULTIPLE_BLOCK)
		return -EINVAL;
	if (ic->is_acmd || write != !!ic->write_flag)
		return -EINVAL;
	if (ic->blksz != sizeof(struct virtio_rpmb_frame) || !ic->blocks)
		return -EINVAL;

	return ic->blocks <= (write ? vr->max_write : vr->max_read) ? 0 : -EINVAL;
}

static int virtio_rpmb_cmd_from_user(const struct virtio_rpmb *vr, struct virtio_rpmb_cmd *cmd,
				     const struct mmc_ioc_cmd __user *user)
{
	void *data;
	int err;

	if (copy_from_user(&cmd->ic, user, sizeof(cmd->ic)))
		return -EFAULT;
	err = virtio_rpmb_check_cmd(vr, &cmd->ic);
	if (err)
		return err;

	/* Even if it is to be overwritten: what faults should do so before anything is done */
	data = memdup_user(u64_to_user_ptr(cmd->ic.data_ptr),
			   cmd->ic.blocks * sizeof(*cmd->frames));
	if (IS_ERR(data))
		return PTR_ERR(data);
	cmd->frames = data;

	if (!cmd->ic.write_flag)
		return 0;

	return virtio_rpmb_check_request(vr, cmd->frames, cmd->ic.blocks);
}

static int virtio_rpmb_cmd_run(struct virtio_rpmb_session *session, struct virtio_rpmb_cmd *cmd)
{
	int err;

	if (cmd->ic.write_flag)
		err = virtio_rpmb_session_write(session, cmd->frames, cmd->ic.blocks);
	else
		err = virtio_rpmb_session_read(session, cmd->frames, cmd->ic.blocks);

	memset(cmd->ic.response, 0, sizeof(cmd->ic.response));
	cmd->ic.response[0] = R1_READY_FOR_DATA | R1_STATE_TRAN << 9;

	return err;
}

static int virtio_rpmb_cmd_to_user(const struct virtio_rpmb_cmd *cmd,
				   struct mmc_ioc_cmd __user *user)
{
	if (copy_to_user(user->response, cmd->ic.response, sizeof(cmd->ic.response)))
		return -EFAULT;
	if (!cmd->ic.write_flag &&
	    copy_to_user(u64_to_user_ptr(cmd->ic.data_ptr), cmd->frames,
			 cmd->ic.blocks * sizeof(*cmd->frames)))
		return -EFAULT;

	return 0;
}

static int virtio_rpmb_run_cmds(struct virtio_rpmb_file *file, struct virtio_rpmb_cmd *cmds,
				unsigned int count)
{
	unsigned int i;
	int err = 0;

	if (mutex_lock_interruptible(&file->lock))
		return -ERESTARTSYS;
	for (i = 0; i < count && !err; i++)
		err = virtio_rpmb_cmd_run(&file->session, &cmds[i]);
	mutex_unlock(&file->lock);

	/* What came before must not be done again */
	return err == -ERESTARTSYS && i > 1 ? -EINTR : err;
}

/* All is checked before anything is done */
static int virtio_rpmb_ioctl_cmds(struct virtio_rpmb_file *file,
				  struct mmc_ioc_cmd __user *user, unsigned int count)
{
	struct virtio_rpmb *vr = file->session.vr;
	struct virtio_rpmb_cmd *cmds;
	unsigned int i;
	int err = 0;

	if (virtio_rpmb_is_gone(vr))
		return -ENODEV;

	cmds = kcalloc(count, sizeof(*cmds), GFP_KERNEL);
	if (!cmds)
		return -ENOMEM;

	for (i = 0; i < count && !err; i++)
		err = virtio_rpmb_cmd_from_user(vr, &cmds[i], &user[i]);
	if (!err)
		err = virtio_rpmb_run_cmds(file, cmds, count);
	for (i = 0; i < count && !err; i++)
		err = virtio_rpmb_cmd_to_user(&cmds[i], &user[i]);

	/* There may be a key in them */
	for (i = 0; i < count; i++)
		kfree_sensitive(cmds[i].frames);
	kfree(cmds);

	return err;
}

static long virtio_rpmb_ioctl(struct file *filp, unsigned int request, unsigned long arg)
{
	struct mmc_ioc_multi_cmd __user *multi = (void __user *)arg;
	u64 count;

	switch (request) {
	case MMC_IOC_CMD:
		return virtio_rpmb_ioctl_cmds(filp->private_data, (void __user *)arg, 1);
	case MMC_IOC_MULTI_CMD:
		if (copy_from_user(&count, &multi->num_of_cmds, sizeof(count)))
			return -EFAULT;
		if (!count)
			return 0;
		if (count > MMC_IOC_MAX_CMDS)
			return -EINVAL;
		return virtio_rpmb_ioctl_cmds(filp->private_data, multi->cmds, count);
	default:
		return -EINVAL;
	}
}

/* ---- Files ------------------------------------------------------------- */

static int virtio_rpmb_open(struct inode *inode, struct file *filp)
{
	struct virtio_rpmb *vr = container_of(inode->i_cdev, struct virtio_rpmb, cdev);
	struct virtio_rpmb_file *file;

	if (virtio_rpmb_is_gone(vr))
		return -ENODEV;

	file = kzalloc(sizeof(*file), GFP_KERNEL);
	if (!file)
		return -ENOMEM;
	mutex_init(&file->lock);
	file->session.vr = vr;
	get_device(&vr->dev);
	filp->private_data = file;

	return nonseekable_open(inode, filp);
}

static int virtio_rpmb_release(struct inode *inode, struct file *filp)
{
	struct virtio_rpmb_file *file = filp->private_data;

	put_device(&file->session.vr->dev);
	kfree(file);

	return 0;
}

static const struct file_operations virtio_rpmb_fops = {
	.owner		= THIS_MODULE,
	.open		= virtio_rpmb_open,
	.release	= virtio_rpmb_release,
	.unlocked_ioctl	= virtio_rpmb_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

/* ---- The class and its devices ----------------------------------------- */

static struct virtio_rpmb *virtio_rpmb_of(struct device *dev)
{
	return container_of(dev, struct virtio_rpmb, dev);
}

static ssize_t capacity_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n",
			  virtio_rpmb_of(dev)->capacity * VIRTIO_RPMB_CAPACITY_UNIT);
}
static DEVICE_ATTR_RO(capacity);

static ssize_t max_write_blocks_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", virtio_rpmb_of(dev)->max_write);
}
static DEVICE_ATTR_RO(max_write_blocks);

static ssize_t max_read_blocks_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", virtio_rpmb_of(dev)->max_read);
}
static DEVICE_ATTR_RO(max_read_blocks);

static ssize_t cid_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%*phN\n", VIRTIO_RPMB_CID_SIZE, virtio_rpmb_of(dev)->cid);
}
static DEVICE_ATTR_RO(cid);

static struct attribute *virtio_rpmb_attrs[] = {
	&dev_attr_capacity.attr,
	&dev_attr_max_write_blocks.attr,
	&dev_attr_max_read_blocks.attr,
	&dev_attr_cid.attr,
	NULL,
};
ATTRIBUTE_GROUPS(virtio_rpmb);

static void virtio_rpmb_dev_release(struct device *dev)
{
	kfree(virtio_rpmb_of(dev));
}

static struct class virtio_rpmb_class = {
	.name		= "virtio-rpmb",
	.dev_groups	= virtio_rpmb_groups,
	.dev_release	= virtio_rpmb_dev_release,
};

static int virtio_rpmb_set_cid(struct virtio_rpmb *vr)
{
	const char *text = cids[vr->index];
	char name[VIRTIO_RPMB_CID_SIZE + 1];

	if (text) {
		if (strlen(text) == 2 * sizeof(vr->cid) &&
		    !hex2bin(vr->cid, text, sizeof(vr->cid)))
			return 0;
		pr_err("cid \"%s\" of vrpmb%d is not %zu hexadecimal digits\n", text, vr->index,
		       2 * sizeof(vr->cid));
		return -EINVAL;
	}

	snprintf(name, sizeof(name), "virtio-rpmb-%04x", vr->index);
	memcpy(vr->cid, name, sizeof(vr->cid));

	return 0;
}

/**
 * virtio_rpmb_create - make a device that nobody sees yet
 * @vdev: its parent
 *
 * Return: the device, to be given to virtio_rpmb_destroy(), or an error.
 */
struct virtio_rpmb *virtio_rpmb_create(struct virtio_device *vdev)
{
	struct virtio_rpmb *vr;
	int err;

	vr = kzalloc(sizeof(*vr), GFP_KERNEL);
	if (!vr)
		return ERR_PTR(-ENOMEM);

	vr->index = ida_alloc_max(&virtio_rpmb_ida, VIRTIO_RPMB_MINORS - 1, GFP_KERNEL);
	if (vr->index < 0) {
		err = vr->index;
		kfree(vr);
		return ERR_PTR(err);
	}

	mutex_init(&vr->vdev_lock);
	init_waitqueue_head(&vr->wait);
	spin_lock_init(&vr->lock);
	vr->dev.class = &virtio_rpmb_class;
	vr->dev.parent = &vdev->dev;
	vr->dev.devt = MKDEV(MAJOR(virtio_rpmb_devt), vr->index);
	device_initialize(&vr->dev);
	cdev_init(&vr->cdev, &virtio_rpmb_fops);
	vr->cdev.owner = THIS_MODULE;

	err = dev_set_name(&vr->dev, "vrpmb%d", vr->index);
	if (!err)
		err = virtio_rpmb_set_cid(vr);
	if (err) {
		virtio_rpmb_destroy(vr);
		return ERR_PTR(err);
	}

	return vr;
}

int virtio_rpmb_publish(struct virtio_rpmb *vr)
{
	return cdev_device_add(&vr->cdev, &vr->dev);
}

/* Afterwards nobody opens it any more */
void virtio_rpmb_withdraw(struct virtio_rpmb *vr)
{
	cdev_device_del(&vr->cdev, &vr->dev);
}

/* Files may still be open; the number is free for the next device */
void virtio_rpmb_destroy(struct virtio_rpmb *vr)
{
	ida_free(&virtio_rpmb_ida, vr->index);
	put_device(&vr->dev);
}

int virtio_rpmb_chardev_init(void)
{
	int err;

	err = class_register(&virtio_rpmb_class);
	if (err)
		return err;

	err = alloc_chrdev_region(&virtio_rpmb_devt, 0, VIRTIO_RPMB_MINORS, KBUILD_MODNAME);
	if (err)
		class_unregister(&virtio_rpmb_class);

	return err;
}

void virtio_rpmb_chardev_exit(void)
{
	unregister_chrdev_region(virtio_rpmb_devt, VIRTIO_RPMB_MINORS);
	class_unregister(&virtio_rpmb_class);
}
