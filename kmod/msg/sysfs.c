// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a link shows of itself, read-only, in the folder virtio_msg/ of the bus
 * driver's device:
 *
 *	state		init, ready, run, shutdown or peer-dead
 *	epoch		our incarnation
 *	peer_epoch	the incarnation of the peer that we are bound to, or 0
 *	kicks		notifications sent
 *	doorbells	rings of the peer's doorbell
 *	interrupts	rings of our doorbell
 *	malformed	messages and indices of the peer that broke a rule
 *	late		responses that nobody waited for any more
 *	timeouts	requests that got no answer
 *
 * One value in each file; the counters begin at 0 when the driver is bound.
 */
#include <linux/device.h>
#include <linux/export.h>
#include <linux/sysfs.h>

#include "internal.h"

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct virtio_msg_link *link = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", vmsg_state_name(READ_ONCE(link->state)));
}
static DEVICE_ATTR_RO(state);

#define VMSG_NUMBER(name, format, value)					\
static ssize_t name##_show(struct device *dev, struct device_attribute *attr,	\
			   char *buf)						\
{										\
	struct virtio_msg_link *link = dev_get_drvdata(dev);			\
										\
	return sysfs_emit(buf, format "\n", READ_ONCE(value));		\
}										\
static DEVICE_ATTR_RO(name)

VMSG_NUMBER(epoch, "%u", link->epoch);
VMSG_NUMBER(peer_epoch, "%u", link->peer_epoch);
VMSG_NUMBER(kicks, "%lu", link->stats.kicks);
VMSG_NUMBER(doorbells, "%lu", link->stats.doorbells);
VMSG_NUMBER(interrupts, "%lu", link->stats.interrupts);
VMSG_NUMBER(malformed, "%lu", link->stats.malformed);
VMSG_NUMBER(late, "%lu", link->stats.late);
VMSG_NUMBER(timeouts, "%lu", link->stats.timeouts);

static struct attribute *vmsg_link_attrs[] = {
	&dev_attr_state.attr,
	&dev_attr_epoch.attr,
	&dev_attr_peer_epoch.attr,
	&dev_attr_kicks.attr,
	&dev_attr_doorbells.attr,
	&dev_attr_interrupts.attr,
	&dev_attr_malformed.attr,
	&dev_attr_late.attr,
	&dev_attr_timeouts.attr,
	NULL,
};

static const struct attribute_group vmsg_link_group = {
	.name = "virtio_msg",
	.attrs = vmsg_link_attrs,
};

/* The driver data of the device is its link; see link.h. */
const struct attribute_group *virtio_msg_link_groups[] = {
	&vmsg_link_group,
	NULL,
};
EXPORT_SYMBOL_GPL(virtio_msg_link_groups);
