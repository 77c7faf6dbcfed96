/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * /dev/virtio-msg-loopback: virtio devices of a kernel that one of its own
 * processes, the helper, serves.
 *
 * An open file is one link at most:
 *
 *   1. VIRTIO_MSG_LOOPBACK_CREATE makes the region, all zero;
 *   2. mmap() of all of it, shared, from offset 0 on, any number of times;
 *   3. the helper writes page 0, the layout (struct virtio_msg_amp_layout and
 *      struct virtio_msg_stratos_layout of virtio_msg.h);
 *   4. VIRTIO_MSG_LOOPBACK_START: from now on the kernel is the driver side.
 *
 * The file is both doorbells, and speaks as an eventfd does, 8 bytes at a time:
 * poll() and read() tell the device side that it was rung since the last read(),
 * however often, a write() of any number but 0 rings the driver side.  A read()
 * waits for a ring unless O_NONBLOCK or RWF_NOWAIT forbids it.  Each ring wakes
 * those who poll, also if they have not read the last one.
 *
 * Mappings hold the file, and so does a service manager that keeps it for the
 * next helper.  The link ends, and its devices go, with the last of them.
 */
#ifndef _LINUX_VIRTIO_MSG_LOOPBACK_H
#define _LINUX_VIRTIO_MSG_LOOPBACK_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct virtio_msg_loopback_create - what the region shall be
 * @size: bytes; a multiple of the page size, no more than the parameter max_size
 *	of the module virtio_msg_loopback
 * @flags: 0
 * @reserved: 0
 */
struct virtio_msg_loopback_create {
	__aligned_u64 size;
	__u32 flags;
	__u32 reserved;
};

#define VIRTIO_MSG_LOOPBACK_STARTED	0x1

/**
 * struct virtio_msg_loopback_info - what became of the file so far
 * @size: bytes of the region; 0 before VIRTIO_MSG_LOOPBACK_CREATE
 * @flags: VIRTIO_MSG_LOOPBACK_STARTED or 0
 * @number: N of /sys/class/virtio_msg_loopback/loopbackN, once started
 */
struct virtio_msg_loopback_info {
	__aligned_u64 size;
	__u32 flags;
	__u32 number;
};

/*
 * Fails with EINVAL if a field is not what it may be, EFBIG if the region would be
 * too large, EEXIST if the file has one, ENOMEM.
 */
#define VIRTIO_MSG_LOOPBACK_CREATE	_IOW(0xBE, 0x0, struct virtio_msg_loopback_create)

/*
 * Fails with ENXIO if the file has no region, EALREADY if it was started, ENODEV
 * if there is no layout in page 0, EINVAL, with a line in the kernel's log, if that
 * breaks a rule, ENOMEM.  A START that failed changed nothing.
 */
#define VIRTIO_MSG_LOOPBACK_START	_IO(0xBE, 0x1)

#define VIRTIO_MSG_LOOPBACK_INFO	_IOR(0xBE, 0x2, struct virtio_msg_loopback_info)

#endif /* _LINUX_VIRTIO_MSG_LOOPBACK_H */
