// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio_rpmb: a request, from its way into the queue to its answer
 */

#include <linux/dev_printk.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include "virtio_rpmb.h"

static unsigned int request_timeout_ms = 5000;
module_param(request_timeout_ms, uint, 0644);
MODULE_PARM_DESC(request_timeout_ms,
		 "Milliseconds the device has for a request, 1 to 60000 (default 5000)");

static unsigned long virtio_rpmb_timeout(void)
{
	return msecs_to_jiffies(clamp(READ_ONCE(request_timeout_ms), 1U, 60000U));
}

/**
 * virtio_rpmb_request_alloc - make a request
 * @out: frames that the device shall read
 * @in: frames that the device shall write
 *
 * Return: a request whose frames are all zero, or NULL.
 */
struct virtio_rpmb_request *virtio_rpmb_request_alloc(unsigned int out, unsigned int in)
{
	struct virtio_rpmb_request *req;
	unsigned int i;

	req = kzalloc(struct_size(req, sg, out + in), GFP_KERNEL);
	if (!req)
		return NULL;
	req->frames = kcalloc(out + in, sizeof(*req->frames), GFP_KERNEL);
	if (!req->frames) {
		kfree(req);
		return NULL;
	}

	refcount_set(&req->refs, 1);
	req->out = out;
	req->in = in;
	sg_init_table(req->sg, out);
	sg_init_table(req->sg + out, in);
	for (i = 0; i < out + in; i++)
		sg_set_buf(&req->sg[i], &req->frames[i], sizeof(*req->frames));

	return req;
}

/**
 * virtio_rpmb_request_put - let go of a request
 * @req: the request; the device may still have it
 */
void virtio_rpmb_request_put(struct virtio_rpmb_request *req)
{
	if (!refcount_dec_and_test(&req->refs))
		return;

	/* There may be a key in them */
	kfree_sensitive(req->frames);
	kfree(req);
}

/* The queue gave it back */
static void virtio_rpmb_request_end(struct virtio_rpmb *vr, struct virtio_rpmb_request *req,
				    int err)
{
	lockdep_assert_held(&vr->lock);

	vr->inflight--;
	req->err = err;
	req->done = true;
	virtio_rpmb_request_put(req);
}

void virtio_rpmb_queue_done(struct virtqueue *vq)
{
	struct virtio_rpmb *vr = vq->vdev->priv;
	struct virtio_rpmb_request *req;
	unsigned int len;

	scoped_guard(spinlock_irqsave, &vr->lock) {
		if (vr->vq != vq)
			return;
		do {
			virtqueue_disable_cb(vq);
			while ((req = virtqueue_get_buf(vq, &len)))
				virtio_rpmb_request_end(vr, req,
							len == req->in * sizeof(*req->frames) ?
							0 : -EBADMSG);
		} while (!virtqueue_enable_cb(vq) && !virtqueue_is_broken(vq));
	}
	wake_up_all(&vr->wait);
}

/* What the first wait waits for: the queue took the request or it never will */
static bool virtio_rpmb_submitted(struct virtio_rpmb *vr, struct virtio_rpmb_request *req)
{
	struct scatterlist *sgs[] = { req->sg, req->sg + req->out };
	int err;

	guard(spinlock_irqsave)(&vr->lock);

	if (vr->gone)
		err = -ENODEV;
	else if (!vr->open)
		return false;
	else if (req->out + req->in > virtqueue_get_vring_size(vr->vq))
		err = -EINVAL;
	else
		err = virtqueue_add_sgs(vr->vq, sgs, 1, 1, req, GFP_ATOMIC);

	/* Room in the ring and for its buffers comes back with other requests */
	if (err == -ENOSPC || (err == -ENOMEM && vr->inflight))
		return false;

	if (err) {
		req->err = err;
		req->done = true;
		return true;
	}

	refcount_inc(&req->refs);
	req->ahead = vr->inflight++;
	virtqueue_kick(vr->vq);

	return true;
}

/* What the second wait waits for: an answer, or that there will be none */
static bool virtio_rpmb_over(struct virtio_rpmb *vr, struct virtio_rpmb_request *req)
{
	guard(spinlock_irqsave)(&vr->lock);

	return req->done || (vr->vq && virtqueue_is_broken(vr->vq));
}

/* Freezable, as a task that sleeps here should not keep the system from going to sleep */
static long virtio_rpmb_wait(struct virtio_rpmb *vr, struct virtio_rpmb_request *req,
			     bool (*over)(struct virtio_rpmb *vr,
					  struct virtio_rpmb_request *req),
			     unsigned long timeout, bool killable)
{
	if (killable)
		return wait_event_killable_timeout(vr->wait, over(vr, req), timeout);

	return wait_event_freezable_timeout(vr->wait, over(vr, req), timeout);
}

static void virtio_rpmb_break(struct virtio_rpmb *vr)
{
	dev_err(&vr->dev, "no answer from the device in %u ms\n",
		jiffies_to_msecs(virtio_rpmb_timeout()));

	scoped_guard(mutex, &vr->vdev_lock) {
		if (vr->vdev)
			virtio_break_device(vr->vdev);
	}
	wake_up_all(&vr->wait);
}

/**
 * virtio_rpmb_request_run - have the device execute a request
 * @vr: the device
 * @req: a new request
 * @killable: a signal that does not kill does not end the wait
 *
 * The device executes one request after the other, so each has the time of all that
 * are before it as well.
 *
 * Return: 0 if all frames of the answer are there.  -ERESTARTSYS or -EBUSY if the
 * device never saw the request; -EINTR or -ETIMEDOUT if it did, and nobody knows what
 * it does with it; -EBADMSG if its answer has the wrong length; -EIO if it is broken;
 * -ENODEV if it is gone.
 */
int virtio_rpmb_request_run(struct virtio_rpmb *vr, struct virtio_rpmb_request *req,
			    bool killable)
{
	unsigned long timeout = virtio_rpmb_timeout();
	long left;

	left = virtio_rpmb_wait(vr, req, virtio_rpmb_submitted, timeout, killable);
	if (left <= 0)
		return left ? -ERESTARTSYS : -EBUSY;

	left = virtio_rpmb_wait(vr, req, virtio_rpmb_over, timeout * (req->ahead + 1),
				killable);
	if (!left)
		virtio_rpmb_break(vr);

	guard(spinlock_irqsave)(&vr->lock);

	if (req->done)
		return req->err;
	if (left < 0)
		return -EINTR;

	return left ? -EIO : -ETIMEDOUT;
}

/* ---- The queue comes and goes ------------------------------------------ */

void virtio_rpmb_queue_open(struct virtio_rpmb *vr, struct virtqueue *vq)
{
	scoped_guard(spinlock_irqsave, &vr->lock) {
		vr->vq = vq;
		vr->open = true;
	}
	wake_up_all(&vr->wait);
}

/**
 * virtio_rpmb_queue_close - keep further requests out of the queue
 * @vr: the device
 * @for_ever: fail them; otherwise they wait for the queue to open again
 */
void virtio_rpmb_queue_close(struct virtio_rpmb *vr, bool for_ever)
{
	scoped_guard(spinlock_irqsave, &vr->lock) {
		vr->open = false;
		vr->gone = for_ever;
	}
	wake_up_all(&vr->wait);
}

static bool virtio_rpmb_idle(struct virtio_rpmb *vr)
{
	guard(spinlock_irqsave)(&vr->lock);

	return !vr->inflight || virtqueue_is_broken(vr->vq);
}

/**
 * virtio_rpmb_queue_drain - give the requests in the queue the time to end
 * @vr: the device, whose queue is closed
 */
void virtio_rpmb_queue_drain(struct virtio_rpmb *vr)
{
	wait_event_timeout(vr->wait, virtio_rpmb_idle(vr), virtio_rpmb_timeout());
}

/**
 * virtio_rpmb_queue_fail - end the requests that are still in the queue
 * @vr: the device, which has been reset; its queue is closed
 * @err: what to tell those who wait
 *
 * The queue is not used any more.
 */
void virtio_rpmb_queue_fail(struct virtio_rpmb *vr, int err)
{
	struct virtio_rpmb_request *req;

	scoped_guard(spinlock_irqsave, &vr->lock) {
		while (vr->vq && (req = virtqueue_detach_unused_buf(vr->vq)))
			virtio_rpmb_request_end(vr, req, err);
		vr->vq = NULL;
	}
	wake_up_all(&vr->wait);
}

bool virtio_rpmb_is_gone(struct virtio_rpmb *vr)
{
	guard(spinlock_irqsave)(&vr->lock);

	return vr->gone;
}
