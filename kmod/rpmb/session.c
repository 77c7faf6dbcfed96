// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio_rpmb: the commands of an eMMC as requests of a virtio device
 *
 * An eMMC takes the frames of a request with one command and gives those of the
 * response with another.  A write is executed by the first; a frame of type
 * RESULT_READ then asks for the register that has its result.  All else is executed
 * when it is read.  A virtio device takes both directions as one chain.
 *
 * An eMMC knows the number of blocks from CMD23, so tools leave it 0 in frames that have
 * no MAC, and it has to be put there.
 */

#include <linux/dev_printk.h>
#include <linux/string.h>

#include "virtio_rpmb.h"

static u16 virtio_rpmb_type(const struct virtio_rpmb_frame *frame)
{
	return be16_to_cpu(frame->req_resp);
}

/* Does each of these frames answer a request of that type? */
static bool virtio_rpmb_answers(u16 request, const struct virtio_rpmb_frame *frames,
				unsigned int count)
{
	unsigned int i;
	u16 type;

	for (i = 0; i < count; i++) {
		type = virtio_rpmb_type(&frames[i]);
		/* The result of what?  Of any write. */
		if (request == VIRTIO_RPMB_REQ_RESULT_READ ? !type || type & 0xff :
							     type != request << 8)
			return false;
	}

	return true;
}

static int virtio_rpmb_exchange(struct virtio_rpmb_session *session,
				struct virtio_rpmb_request *req,
				struct virtio_rpmb_frame *response)
{
	struct virtio_rpmb *vr = session->vr;
	struct virtio_rpmb_frame *in = req->frames + req->out;
	u16 type = virtio_rpmb_type(req->frames);
	int err;

	err = virtio_rpmb_request_run(vr, req, session->killable);
	if (!err && !virtio_rpmb_answers(type, in, req->in))
		err = -EBADMSG;
	if (err == -EBADMSG) {
		dev_err_ratelimited(&vr->dev, "no valid answer to a request of type %u\n", type);
		return -EIO;
	}
	if (!err)
		memcpy(response, in, req->in * sizeof(*in));

	return err;
}

static int virtio_rpmb_execute_write(struct virtio_rpmb_session *session,
				     const struct virtio_rpmb_frame *frames,
				     unsigned int count)
{
	struct virtio_rpmb_frame *result_read;
	struct virtio_rpmb_request *req;
	int err;

	session->asked = false;
	session->answered = false;
	req = virtio_rpmb_request_alloc(count + 1, 1);
	if (!req)
		return -ENOMEM;

	memcpy(req->frames, frames, count * sizeof(*frames));
	if (virtio_rpmb_type(frames) == VIRTIO_RPMB_REQ_PROGRAM_KEY)
		req->frames->block_count = cpu_to_be16(1);
	result_read = &req->frames[count];
	result_read->req_resp = cpu_to_be16(VIRTIO_RPMB_REQ_RESULT_READ);
	result_read->block_count = cpu_to_be16(1);

	err = virtio_rpmb_exchange(session, req, &session->result);
	session->answered = !err;
	virtio_rpmb_request_put(req);

	return err;
}

/**
 * virtio_rpmb_check_request - could the device look at this at all?
 * @vr: the device
 * @frames: the frames of one request
 * @count: how many, at least one
 *
 * Return: 0 or -EINVAL.
 */
int virtio_rpmb_check_request(const struct virtio_rpmb *vr,
			      const struct virtio_rpmb_frame *frames, unsigned int count)
{
	switch (virtio_rpmb_type(frames)) {
	case VIRTIO_RPMB_REQ_PROGRAM_KEY:
	case VIRTIO_RPMB_REQ_GET_WRITE_COUNTER:
	case VIRTIO_RPMB_REQ_DATA_READ:
	case VIRTIO_RPMB_REQ_RESULT_READ:
	case VIRTIO_RPMB_REQ_CONFIG_WRITE:
	case VIRTIO_RPMB_REQ_CONFIG_READ:
		return count == 1 ? 0 : -EINVAL;
	case VIRTIO_RPMB_REQ_DATA_WRITE:
		return count <= vr->max_write ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

/**
 * virtio_rpmb_session_write - what CMD25 does
 * @session: the session
 * @frames: the frames of a request that was checked
 * @count: how many
 *
 * Return: 0 whatever the device thinks of the request; -EIO if it does not say; else see
 * virtio_rpmb_request_run().
 */
int virtio_rpmb_session_write(struct virtio_rpmb_session *session,
			      const struct virtio_rpmb_frame *frames, unsigned int count)
{
	switch (virtio_rpmb_type(frames)) {
	case VIRTIO_RPMB_REQ_PROGRAM_KEY:
	case VIRTIO_RPMB_REQ_DATA_WRITE:
	case VIRTIO_RPMB_REQ_CONFIG_WRITE:
		return virtio_rpmb_execute_write(session, frames, count);
	default:
		session->request = *frames;
		session->asked = true;
		return 0;
	}
}

/**
 * virtio_rpmb_session_read - what CMD18 does
 * @session: the session
 * @frames: where to put the response
 * @count: frames of the response, not more than the device gives at once
 *
 * The result of a write of this session is at hand.  That of another is in the register
 * of the device.
 *
 * Return: 0 if there is a response; -EIO if nothing was asked or the answer is none; else
 * see virtio_rpmb_request_run().
 */
int virtio_rpmb_session_read(struct virtio_rpmb_session *session,
			     struct virtio_rpmb_frame *frames, unsigned int count)
{
	struct virtio_rpmb_request *req;
	int err;

	if (!session->asked)
		return -EIO;
	session->asked = false;

	if (virtio_rpmb_type(&session->request) == VIRTIO_RPMB_REQ_RESULT_READ &&
	    session->answered && count == 1) {
		*frames = session->result;
		return 0;
	}

	req = virtio_rpmb_request_alloc(1, count);
	if (!req)
		return -ENOMEM;
	*req->frames = session->request;
	req->frames->block_count = cpu_to_be16(count);
	err = virtio_rpmb_exchange(session, req, frames);
	virtio_rpmb_request_put(req);

	return err;
}
