// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio_can: frames from the bus
 */

#include <linux/can/dev.h>
#include <linux/can/length.h>
#include <linux/can/skb.h>
#include <linux/netdevice.h>
#include <linux/nospec.h>
#include <linux/scatterlist.h>
#include <linux/workqueue.h>

#include "virtio_can.h"

#define VIRTIO_CAN_FLAGS_KNOWN		(VIRTIO_CAN_FLAGS_EXTENDED | \
					 VIRTIO_CAN_FLAGS_FD | \
					 VIRTIO_CAN_FLAGS_RTR)
/* How long to wait for memory to map buffers */
#define VIRTIO_CAN_RX_RETRY		msecs_to_jiffies(20)

/* Post all free buffers, then kick once */
void virtio_can_rx_refill(struct virtio_can_priv *priv)
{
	struct virtqueue *vq = priv->vq[VIRTIO_CAN_QUEUE_RX];
	struct virtio_can_rx_buf *buf;
	unsigned int posted = 0;
	struct scatterlist sg;

	while (priv->rx_nfree) {
		buf = priv->rx_free[priv->rx_nfree - 1];
		sg_init_one(&sg, buf->bytes, priv->rx_size);
		if (virtqueue_add_inbuf(vq, &sg, 1, buf, GFP_ATOMIC))
			break;
		priv->rx_nfree--;
		posted++;
	}
	if (posted)
		virtqueue_kick(vq);

	/* With nothing posted no interrupt would bring us back here */
	if (unlikely(priv->rx_nfree == priv->rx_count && !virtqueue_is_broken(vq)))
		schedule_delayed_work(&priv->rx_retry, VIRTIO_CAN_RX_RETRY);
}

static bool virtio_can_rx_valid(const struct virtio_can_priv *priv, u16 msg_type,
				unsigned int len, u32 flags, u32 id)
{
	bool rtr = flags & VIRTIO_CAN_FLAGS_RTR;

	if (msg_type != VIRTIO_CAN_RX || flags & ~VIRTIO_CAN_FLAGS_KNOWN)
		return false;
	if (id > (flags & VIRTIO_CAN_FLAGS_EXTENDED ? CAN_EFF_MASK : CAN_SFF_MASK))
		return false;
	if (flags & VIRTIO_CAN_FLAGS_FD)
		return priv->fd && !rtr && len <= CANFD_MAX_DLEN &&
		       len == can_fd_dlc2len(can_fd_len2dlc(len));

	return priv->classic && (!rtr || priv->rtr) && len <= CAN_MAX_DLEN;
}

static struct sk_buff *virtio_can_rx_skb(struct net_device *dev, u32 flags, u32 id,
					 const u8 *sdu, unsigned int len)
{
	struct canfd_frame *cf;
	struct sk_buff *skb;

	if (flags & VIRTIO_CAN_FLAGS_FD)
		skb = alloc_canfd_skb(dev, &cf);
	else
		skb = alloc_can_skb(dev, (struct can_frame **)&cf);
	if (unlikely(!skb))
		return NULL;

	cf->can_id = id;
	if (flags & VIRTIO_CAN_FLAGS_EXTENDED)
		cf->can_id |= CAN_EFF_FLAG;
	cf->len = len;
	if (flags & VIRTIO_CAN_FLAGS_RTR) {
		cf->can_id |= CAN_RTR_FLAG;
	} else {
		memcpy(cf->data, sdu, len);
		dev->stats.rx_bytes += len;
	}

	return skb;
}

/* @used is what the device claims to have written */
static void virtio_can_receive(struct virtio_can_priv *priv,
			       const struct virtio_can_rx_buf *buf, unsigned int used)
{
	const struct virtio_can_rx *rx = (const struct virtio_can_rx *)buf->bytes;
	struct net_device *dev = priv->dev;
	unsigned int len, needed;
	u32 flags, id;
	struct sk_buff *skb;
	u16 msg_type;

	used = min(used, priv->rx_size);
	if (unlikely(used < sizeof(*rx))) {
		dev->stats.rx_length_errors++;
		goto bad;
	}

	msg_type = le16_to_cpu(READ_ONCE(rx->msg_type));
	len = le16_to_cpu(READ_ONCE(rx->length));
	flags = le32_to_cpu(READ_ONCE(rx->flags));
	id = le32_to_cpu(READ_ONCE(rx->can_id));

	if (unlikely(!virtio_can_rx_valid(priv, msg_type, len, flags, id))) {
		dev->stats.rx_frame_errors++;
		goto bad;
	}
	needed = sizeof(*rx) + (flags & VIRTIO_CAN_FLAGS_RTR ? 0 : len);
	if (unlikely(used < needed)) {
		dev->stats.rx_length_errors++;
		goto bad;
	}
	/* The check above may be speculated past */
	len = array_index_nospec(len, CANFD_MAX_DLEN + 1);

	skb = virtio_can_rx_skb(dev, flags, id, rx->sdu, len);
	if (unlikely(!skb)) {
		dev->stats.rx_dropped++;
		return;
	}
	dev->stats.rx_packets++;
	netif_receive_skb(skb);
	return;

bad:
	dev->stats.rx_errors++;
	if (net_ratelimit())
		netdev_warn(dev, "bad frame from the device, %u bytes\n", used);
}

/* From NAPI; the number of frames, fewer than @budget if there are no more */
int virtio_can_poll_rx(struct virtio_can_priv *priv, int budget)
{
	struct virtqueue *vq = priv->vq[VIRTIO_CAN_QUEUE_RX];
	struct virtio_can_rx_buf *buf;
	unsigned int used;
	int work_done = 0;

	while (work_done < budget && (buf = virtqueue_get_buf(vq, &used))) {
		virtio_can_reap_tx(priv);
		virtio_can_receive(priv, buf, used);
		priv->rx_free[priv->rx_nfree++] = buf;
		work_done++;
	}
	virtio_can_rx_refill(priv);

	return work_done;
}

void virtio_can_rx_done(struct virtqueue *vq)
{
	virtio_can_napi_schedule(vq->vdev->priv);
}

void virtio_can_rx_retry(struct work_struct *work)
{
	struct virtio_can_priv *priv =
		container_of(work, struct virtio_can_priv, rx_retry.work);

	local_bh_disable();
	napi_schedule(&priv->napi);
	local_bh_enable();
}

/* What came in while the interface was down is of no use to anybody */
void virtio_can_rx_flush(struct virtio_can_priv *priv)
{
	struct virtio_can_rx_buf *buf;
	unsigned int used;

	while ((buf = virtqueue_get_buf(priv->vq[VIRTIO_CAN_QUEUE_RX], &used)))
		priv->rx_free[priv->rx_nfree++] = buf;
	virtio_can_rx_refill(priv);
}
