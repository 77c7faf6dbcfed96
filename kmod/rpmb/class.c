// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio_rpmb: the kernel's rpmb class, through which OP-TEE finds us
 *
 * It knows no type for virtio.  An eMMC is the same to its users.
 */

#include <linux/dev_printk.h>
#include <linux/err.h>
#include <linux/rpmb.h>
#include <linux/slab.h>

#include "virtio_rpmb.h"

static int virtio_rpmb_route_frames(struct device *dev, u8 *req, unsigned int req_len,
				    u8 *resp, unsigned int resp_len)
{
	const unsigned int size = sizeof(struct virtio_rpmb_frame);
	struct virtio_rpmb *vr = container_of(dev, struct virtio_rpmb, dev);
	const struct virtio_rpmb_frame *frames = (const struct virtio_rpmb_frame *)req;
	struct virtio_rpmb_session *session;
	unsigned int out = req_len / size;
	unsigned int in = resp_len / size;
	bool read;
	int err;

	if (!out || req_len % size || !in || resp_len % size || in > vr->max_read)
		return -EINVAL;
	read = frames->req_resp == cpu_to_be16(VIRTIO_RPMB_REQ_DATA_READ);
	if (in != 1 && !read)
		return -EINVAL;
	err = virtio_rpmb_check_request(vr, frames, out);
	if (err)
		return err;

	session = kzalloc(sizeof(*session), GFP_KERNEL);
	if (!session)
		return -ENOMEM;
	session->vr = vr;
	session->killable = true;

	err = virtio_rpmb_session_write(session, frames, out);
	if (!err && !session->asked)
		memcpy(resp, &session->result, size);
	else if (!err)
		err = virtio_rpmb_session_read(session, (struct virtio_rpmb_frame *)resp, in);
	kfree(session);

	return err;
}

int virtio_rpmb_class_add(struct virtio_rpmb *vr)
{
	struct rpmb_descr descr = {
		.type = RPMB_TYPE_EMMC,
		.route_frames = virtio_rpmb_route_frames,
		.dev_id = vr->cid,
		.dev_id_len = sizeof(vr->cid),
		/* In sectors of two blocks */
		.reliable_wr_count = max(vr->max_write / 2, 1U),
		.capacity = vr->capacity,
	};
	struct rpmb_dev *rdev = rpmb_dev_register(&vr->dev, &descr);

	if (IS_ERR(rdev)) {
		dev_err(&vr->dev, "the rpmb class refused: %pe\n", rdev);
		return PTR_ERR(rdev);
	}
	vr->rdev = rdev;

	return 0;
}

void virtio_rpmb_class_del(struct virtio_rpmb *vr)
{
	rpmb_dev_unregister(vr->rdev);
}
