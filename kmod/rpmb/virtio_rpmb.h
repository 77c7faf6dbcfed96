/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the virtio_rpmb module share; main.c tells how they play together
 */
#ifndef _VIRTIO_RPMB_MODULE_H
#define _VIRTIO_RPMB_MODULE_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/kconfig.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/virtio_rpmb.h>
#include <linux/wait.h>

/* Segments of a chain that every device side takes */
#define VIRTIO_RPMB_CHAIN_MAX		64U
#define VIRTIO_RPMB_CID_SIZE		16

struct rpmb_dev;

/**
 * struct virtio_rpmb - an RPMB device
 * @dev: the device in our class, which owns this memory
 * @cdev: the character device
 * @index: the N of vrpmbN
 * @cid: what stands for the CID of an eMMC
 * @rdev: the device in the rpmb class, if there is one
 * @capacity: in units of VIRTIO_RPMB_CAPACITY_UNIT
 * @max_write: blocks of the largest write
 * @max_read: blocks of the largest read
 * @vdev_lock: protects @vdev
 * @vdev: the virtio device, NULL after its removal
 * @wait: woken whenever one of the following changes, and when requests end
 * @lock: protects the queue, the state of all requests, and the members below
 * @vq: the queue, NULL while there is none
 * @open: requests may enter the queue
 * @gone: they never will again
 * @inflight: requests that the queue holds
 */
struct virtio_rpmb {
	struct device dev;
	struct cdev cdev;
	int index;
	u8 cid[VIRTIO_RPMB_CID_SIZE];
	struct rpmb_dev *rdev;
	unsigned int capacity;
	unsigned int max_write;
	unsigned int max_read;

	struct mutex vdev_lock; /* Protects the virtio device against removal */
	struct virtio_device *vdev;

	wait_queue_head_t wait;
	spinlock_t lock; /* Protects the queue and its requests */
	struct virtqueue *vq;
	bool open;
	bool gone;
	unsigned int inflight;
};

/**
 * struct virtio_rpmb_request - a chain and what became of it
 * @refs: one is the caller's, one the queue's for as long as it holds the chain
 * @ahead: requests that the device had to serve when this one was added
 * @err: the outcome, once @done
 * @done: the queue does not hold it any more, or never did
 * @out: frames that the device reads
 * @in: frames that the device writes, behind those
 * @frames: all of them
 * @sg: one entry a frame
 */
struct virtio_rpmb_request {
	refcount_t refs;
	unsigned int ahead;
	int err;
	bool done;
	unsigned int out;
	unsigned int in;
	struct virtio_rpmb_frame *frames;
	struct scatterlist sg[];
};

/**
 * struct virtio_rpmb_session - what an eMMC remembers from command to command
 * @vr: the device
 * @killable: a signal that does not kill does not end waits
 * @asked: @request is there
 * @answered: @result is there
 * @request: what the next read is about
 * @result: the answer to the last write of this session
 */
struct virtio_rpmb_session {
	struct virtio_rpmb *vr;
	bool killable;
	bool asked;
	bool answered;
	struct virtio_rpmb_frame request;
	struct virtio_rpmb_frame result;
};

/* request.c */
struct virtio_rpmb_request *virtio_rpmb_request_alloc(unsigned int out, unsigned int in);
void virtio_rpmb_request_put(struct virtio_rpmb_request *req);
int virtio_rpmb_request_run(struct virtio_rpmb *vr, struct virtio_rpmb_request *req,
			    bool killable);
void virtio_rpmb_queue_done(struct virtqueue *vq);
void virtio_rpmb_queue_open(struct virtio_rpmb *vr, struct virtqueue *vq);
void virtio_rpmb_queue_close(struct virtio_rpmb *vr, bool for_ever);
void virtio_rpmb_queue_drain(struct virtio_rpmb *vr);
void virtio_rpmb_queue_fail(struct virtio_rpmb *vr, int err);
bool virtio_rpmb_is_gone(struct virtio_rpmb *vr);

/* session.c */
int virtio_rpmb_check_request(const struct virtio_rpmb *vr,
			      const struct virtio_rpmb_frame *frames, unsigned int count);
int virtio_rpmb_session_write(struct virtio_rpmb_session *session,
			      const struct virtio_rpmb_frame *frames, unsigned int count);
int virtio_rpmb_session_read(struct virtio_rpmb_session *session,
			     struct virtio_rpmb_frame *frames, unsigned int count);

/* chardev.c */
int virtio_rpmb_chardev_init(void);
void virtio_rpmb_chardev_exit(void);
struct virtio_rpmb *virtio_rpmb_create(struct virtio_device *vdev);
int virtio_rpmb_publish(struct virtio_rpmb *vr);
void virtio_rpmb_withdraw(struct virtio_rpmb *vr);
void virtio_rpmb_destroy(struct virtio_rpmb *vr);

/* class.c */
#if IS_ENABLED(CONFIG_RPMB)
int virtio_rpmb_class_add(struct virtio_rpmb *vr);
void virtio_rpmb_class_del(struct virtio_rpmb *vr);
#else
static inline int virtio_rpmb_class_add(struct virtio_rpmb *vr)
{
	return 0;
}

static inline void virtio_rpmb_class_del(struct virtio_rpmb *vr)
{
}
#endif

#endif /* _VIRTIO_RPMB_MODULE_H */
