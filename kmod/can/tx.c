// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio_can: frames to the bus
 */

#include <linux/can/dev.h>
#include <linux/can/length.h>
#include <linux/can/skb.h>
#include <linux/netdevice.h>
#include <linux/scatterlist.h>

#include "virtio_can.h"

/* Whether the frame is of a type that was negotiated */
static bool virtio_can_may_send(const struct virtio_can_priv *priv,
				const struct sk_buff *skb)
{
	const struct canfd_frame *cf = (struct canfd_frame *)skb->data;
	bool rtr = cf->can_id & CAN_RTR_FLAG;

	if (cf->can_id & CAN_ERR_FLAG)
		return false;
	if (can_is_canfd_skb(skb))
		return priv->fd && !rtr;

	return can_is_can_skb(skb) && priv->classic && (!rtr || priv->rtr);
}

/* Returns the number of bytes in @out */
static unsigned int virtio_can_fill(struct virtio_can_tx_out *out,
				    const struct sk_buff *skb)
{
	const struct canfd_frame *cf = (struct canfd_frame *)skb->data;
	unsigned int copied = cf->len, len = cf->len;
	u32 id = cf->can_id & CAN_SFF_MASK;
	u32 flags = 0;

	if (cf->can_id & CAN_EFF_FLAG) {
		id = cf->can_id & CAN_EFF_MASK;
		flags |= VIRTIO_CAN_FLAGS_EXTENDED;
	}
	if (can_is_canfd_skb(skb)) {
		len = can_fd_dlc2len(can_fd_len2dlc(len));
		flags |= VIRTIO_CAN_FLAGS_FD;
	} else if (cf->can_id & CAN_RTR_FLAG) {
		/* The payload of a remote frame is there, but means nothing */
		copied = 0;
		flags |= VIRTIO_CAN_FLAGS_RTR;
	}

	out->msg_type = cpu_to_le16(VIRTIO_CAN_TX);
	out->length = cpu_to_le16(len);
	out->flags = cpu_to_le32(flags);
	out->can_id = cpu_to_le32(id);
	memcpy(out->sdu, cf->data, copied);
	memset(out->sdu + copied, 0, len - copied);

	return sizeof(*out) + len;
}

/* Under tx_lock.  The skb is consumed unless it returns NETDEV_TX_BUSY. */
static netdev_tx_t virtio_can_queue_skb(struct virtio_can_priv *priv,
					struct sk_buff *skb)
{
	struct scatterlist out, in, *sgs[] = { &out, &in };
	struct virtqueue *vq = priv->vq[VIRTIO_CAN_QUEUE_TX];
	struct net_device *dev = priv->dev;
	struct virtio_can_tx *slot;
	unsigned int idx, len;

	if (unlikely(!virtio_can_may_send(priv, skb))) {
		dev->stats.tx_errors++;
		goto drop;
	}

	idx = find_first_zero_bit(priv->tx_busy, priv->tx_slots);
	if (unlikely(idx >= priv->tx_slots))
		goto busy;

	slot = &priv->tx[idx];
	len = virtio_can_fill((struct virtio_can_tx_out *)slot->out, skb);
	slot->in.result = VIRTIO_CAN_RESULT_NOT_OK;
	sg_init_one(&out, slot->out, len);
	sg_init_one(&in, &slot->in, sizeof(slot->in));

	if (unlikely(virtqueue_add_sgs(vq, sgs, 1, 1, slot, GFP_ATOMIC))) {
		if (virtqueue_is_broken(vq))
			schedule_work(&priv->work);
		else if (priv->tx_inflight)
			goto busy; /* No memory to map it; the next completion frees some */
		dev->stats.tx_fifo_errors++;
		goto drop;
	}

	__set_bit(idx, priv->tx_busy);
	if (++priv->tx_inflight == priv->tx_slots)
		netif_stop_queue(dev);
	/* Without memory for the echo the frame is sent all the same */
	can_put_echo_skb(skb, dev, idx, 0);

	return NETDEV_TX_OK;

busy:
	netif_stop_queue(dev);
	return NETDEV_TX_BUSY;
drop:
	dev_kfree_skb_any(skb);
	dev->stats.tx_dropped++;
	return NETDEV_TX_OK;
}

netdev_tx_t virtio_can_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct virtio_can_priv *priv = netdev_priv(dev);
	struct virtqueue *vq = priv->vq[VIRTIO_CAN_QUEUE_TX];
	bool dropped = can_dev_dropped_skb(dev, skb);
	netdev_tx_t ret = NETDEV_TX_OK;
	bool kick = false;

	/* A dropped frame may be the last of a batch, so look at the kick anyway */
	scoped_guard(spinlock, &priv->tx_lock) {
		if (!dropped)
			ret = virtio_can_queue_skb(priv, skb);
		if (!netdev_xmit_more() || netif_queue_stopped(dev))
			kick = virtqueue_kick_prepare(vq);
	}
	if (kick)
		virtqueue_notify(vq);

	return ret;
}

static void virtio_can_report_tx_error(struct net_device *dev)
{
	struct can_frame *cf;
	struct sk_buff *skb;

	skb = alloc_can_err_skb(dev, &cf);
	if (!skb)
		return;

	/* The device does not say what happened */
	cf->can_id |= CAN_ERR_CRTL;
	cf->data[1] = CAN_ERR_CRTL_UNSPEC;
	netif_rx(skb);
}

/*
 * Like can_get_echo_skb(), which hands it to netif_rx(): there frames of the bus
 * would overtake it.  NULL if there is none or its sender does not want it.
 */
static struct sk_buff *virtio_can_take_echo(struct virtio_can_priv *priv, unsigned int idx)
{
	struct sk_buff *skb = priv->can.echo_skb[idx];

	if (!skb)
		return NULL;

	priv->can.echo_skb[idx] = NULL;
	priv->dev->stats.tx_bytes += can_skb_get_data_len(skb);
	if (skb->pkt_type != PACKET_LOOPBACK) {
		dev_consume_skb_any(skb);
		return NULL;
	}
	skb->pkt_type = PACKET_BROADCAST;

	return skb;
}

/* Under tx_lock, or when nobody else is left; the echo if the frame was sent */
static struct sk_buff *virtio_can_release_slot(struct virtio_can_priv *priv,
					       struct virtio_can_tx *slot, bool sent)
{
	struct net_device *dev = priv->dev;
	unsigned int idx = slot - priv->tx;
	struct sk_buff *echo = NULL;

	if (sent) {
		echo = virtio_can_take_echo(priv, idx);
		dev->stats.tx_packets++;
	} else {
		can_free_echo_skb(dev, idx, NULL);
		dev->stats.tx_errors++;
		if (priv->tx_open)
			virtio_can_report_tx_error(dev);
		else
			dev->stats.tx_aborted_errors++;
	}

	__clear_bit(idx, priv->tx_busy);
	WRITE_ONCE(priv->tx_inflight, priv->tx_inflight - 1);

	return echo;
}

/* From NAPI; true if there may be more to take back */
bool virtio_can_reap_tx(struct virtio_can_priv *priv)
{
	struct virtqueue *vq = priv->vq[VIRTIO_CAN_QUEUE_TX];
	unsigned int room = VIRTIO_CAN_TX_SLOTS_MAX;
	struct sk_buff_head echoes;
	struct virtio_can_tx *slot;
	struct sk_buff *skb;
	unsigned int len;

	__skb_queue_head_init(&echoes);
	scoped_guard(spinlock, &priv->tx_lock) {
		for (; room && (slot = virtqueue_get_buf(vq, &len)); room--) {
			bool sent = len >= sizeof(slot->in) &&
				    READ_ONCE(slot->in.result) == VIRTIO_CAN_RESULT_OK;

			skb = virtio_can_release_slot(priv, slot, sent);
			if (skb)
				__skb_queue_tail(&echoes, skb);
		}
		if (priv->tx_open && priv->tx_inflight < priv->tx_slots &&
		    netif_queue_stopped(priv->dev))
			netif_wake_queue(priv->dev);
	}
	if (room < VIRTIO_CAN_TX_SLOTS_MAX && !READ_ONCE(priv->tx_inflight))
		wake_up(&priv->wait);

	/* Not under the lock: who hears an echo may send */
	while ((skb = __skb_dequeue(&echoes)))
		netif_receive_skb(skb);

	return !room;
}

void virtio_can_tx_done(struct virtqueue *vq)
{
	virtio_can_napi_schedule(vq->vdev->priv);
}

/* After this no frame enters the Tx queue until virtio_can_start() */
void virtio_can_close_tx(struct virtio_can_priv *priv)
{
	spin_lock_bh(&priv->tx_lock);
	priv->tx_open = false;
	spin_unlock_bh(&priv->tx_lock);

	netif_tx_disable(priv->dev);
}

/*
 * Whether the device gave back every Tx slot, as it has to when it goes to
 * STOPPED.  NAPI has to be enabled and the Tx side closed.
 */
bool virtio_can_tx_drained(struct virtio_can_priv *priv)
{
	unsigned int tries = 0;

	while (!wait_event_timeout(priv->wait,
				   !READ_ONCE(priv->tx_inflight) ||
				   virtio_can_is_broken(priv),
				   virtio_can_timeout()))
		if (tries++ || !virtio_can_respite(priv))
			break;

	return !READ_ONCE(priv->tx_inflight);
}

/* The device has been reset: every slot it still held is ours again */
void virtio_can_reclaim_tx(struct virtio_can_priv *priv)
{
	struct virtio_can_tx *slot;

	while ((slot = virtqueue_detach_unused_buf(priv->vq[VIRTIO_CAN_QUEUE_TX])))
		virtio_can_release_slot(priv, slot, false);
}
