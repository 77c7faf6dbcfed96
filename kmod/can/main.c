// SPDX-License-Identifier: GPL-2.0-only
/*
 * CAN controller over virtio (device id 36)
 *
 * OASIS Virtual I/O Device (VIRTIO) Version 1.4, chapter "CAN Device".
 */

/**
 * DOC: Theory of operation
 *
 * The controller's state, can.state, changes under ctrl_lock only::
 *
 *	STOPPED --open--> ERROR_ACTIVE --configuration change--> BUS_OFF
 *	   ^                |      ^                               | |
 *	   +------stop------+      +-----------restart-------------+ |
 *	   +----------------------stop-------------------------------+
 *
 * Who touches a queue:
 *
 * - Tx: the stack adds frames, NAPI takes them back, both under tx_lock.  A
 *   frame lives in one of the preallocated slots; the number of the slot is the
 *   number of the echo skb.  The stack's queue is stopped and woken under
 *   tx_lock as well, so neither side misses the other.
 * - Rx: NAPI alone.  Whoever else wants the queue disables NAPI first.
 * - Control: whoever holds ctrl_lock.  One request is under way at a time.  If
 *   its requester was killed, the next one fetches the answer first.
 *
 * Both directions share one NAPI, because sockets shall see the echo of a frame
 * before the frame with which somebody answers it.  The device returns them in
 * that order, on two queues.  So a used Rx buffer is fetched first, then the
 * echoes of all Tx slots that are back are passed up, and then the frame, none
 * of them by way of the backlog of netif_rx().
 *
 * Every wait for the device ends after control_timeout_ms, or after twice that
 * if the device still tells its status in between, a question for which the
 * transport has a deadline of its own.  A device that did not answer is broken:
 * carrier off, frames dropped, every request fails at once, and what it still
 * holds comes back by a reset.  Nothing but a new probe or a resume ends this
 * state.
 *
 * Not on the wire, and therefore lost: bit rate switch and error state
 * indicator of CAN FD frames (BRS, ESI), raw DLCs above 8, CAN XL, bit timing,
 * error counters, the states between error active and bus-off.
 */

#include <linux/can/dev.h>
#include <linux/ethtool.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/pm.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "virtio_can.h"

void virtio_can_napi_schedule(struct virtio_can_priv *priv)
{
	if (napi_schedule_prep(&priv->napi)) {
		virtqueue_disable_cb(priv->vq[VIRTIO_CAN_QUEUE_TX]);
		virtqueue_disable_cb(priv->vq[VIRTIO_CAN_QUEUE_RX]);
		__napi_schedule(&priv->napi);
	}
}

static void virtio_can_napi_complete(struct virtio_can_priv *priv, int work_done)
{
	struct virtqueue *tx = priv->vq[VIRTIO_CAN_QUEUE_TX];
	struct virtqueue *rx = priv->vq[VIRTIO_CAN_QUEUE_RX];
	unsigned int tx_seen, rx_seen;

	/* No interrupt will ever tell */
	if (unlikely(virtqueue_is_broken(tx) || virtqueue_is_broken(rx)))
		schedule_work(&priv->work);

	guard(spinlock)(&priv->tx_lock);

	tx_seen = virtqueue_enable_cb_prepare(tx);
	rx_seen = virtqueue_enable_cb_prepare(rx);
	if (!napi_complete_done(&priv->napi, work_done)) {
		virtqueue_disable_cb(tx);
		virtqueue_disable_cb(rx);
	} else if (unlikely(virtqueue_poll(tx, tx_seen) || virtqueue_poll(rx, rx_seen))) {
		virtio_can_napi_schedule(priv);
	}
}

static int virtio_can_poll(struct napi_struct *napi, int budget)
{
	struct virtio_can_priv *priv = container_of(napi, struct virtio_can_priv, napi);
	bool tx_left = virtio_can_reap_tx(priv);
	int work_done = virtio_can_poll_rx(priv, budget);

	if (tx_left)
		return budget;
	if (work_done < budget)
		virtio_can_napi_complete(priv, work_done);

	return work_done;
}

/* ---- Interface up and down --------------------------------------------- */

static void virtio_can_napi_enable(struct virtio_can_priv *priv)
{
	virtio_can_rx_flush(priv);
	napi_enable(&priv->napi);
	priv->active = true;

	/* An interrupt that came before found NAPI disabled and was lost */
	local_bh_disable();
	virtio_can_napi_schedule(priv);
	local_bh_enable();
}

static void virtio_can_napi_disable(struct virtio_can_priv *priv)
{
	napi_disable(&priv->napi);
	cancel_delayed_work_sync(&priv->rx_retry);
	priv->active = false;
}

static int virtio_can_open(struct net_device *dev)
{
	struct virtio_can_priv *priv = netdev_priv(dev);
	int err;

	if (virtio_can_is_broken(priv))
		return -EIO;

	/*
	 * open_candev() would ask for a data bit rate, and there is none to
	 * tell; all else it does is to set the carrier.
	 */
	virtio_can_napi_enable(priv);
	scoped_guard(mutex, &priv->ctrl_lock)
		err = virtio_can_start(priv);
	if (err) {
		netdev_err(dev, "cannot start the controller: %pe\n", ERR_PTR(err));
		virtio_can_napi_disable(priv);
	}

	return err;
}

/* Afterwards no NAPI runs and the device holds no frame */
static void virtio_can_quiesce(struct virtio_can_priv *priv)
{
	struct net_device *dev = priv->dev;

	if (!priv->active)
		return;

	virtio_can_close_tx(priv);
	virtio_can_halt(priv);
	cancel_delayed_work_sync(&priv->can.restart_work);

	virtio_can_tx_drained(priv);
	virtio_can_napi_disable(priv);
	if (priv->tx_inflight) {
		netdev_err(dev, "%u frames not returned, resetting the device\n",
			   priv->tx_inflight);
		virtio_can_break(priv);
		virtio_reset_device(priv->vdev);
		virtio_can_reclaim_tx(priv);
	}
	close_candev(dev);
	netif_carrier_off(dev);
}

static int virtio_can_stop(struct net_device *dev)
{
	virtio_can_quiesce(netdev_priv(dev));

	return 0;
}

static const struct net_device_ops virtio_can_netdev_ops = {
	.ndo_open	= virtio_can_open,
	.ndo_stop	= virtio_can_stop,
	.ndo_start_xmit	= virtio_can_start_xmit,
	.ndo_change_mtu	= can_change_mtu,
};

static const struct ethtool_ops virtio_can_ethtool_ops = {
	.get_ts_info	= ethtool_op_get_ts_info,
};

/* ---- Device up and down ------------------------------------------------ */

static void virtio_can_teardown(struct virtio_can_priv *priv)
{
	struct virtio_device *vdev = priv->vdev;

	virtio_reset_device(vdev);
	if (priv->vq[VIRTIO_CAN_QUEUE_TX]) {
		virtio_can_reclaim_tx(priv);
		while (virtqueue_detach_unused_buf(priv->vq[VIRTIO_CAN_QUEUE_RX]))
			;
		while (virtqueue_detach_unused_buf(priv->vq[VIRTIO_CAN_QUEUE_CONTROL]))
			;
	}
	vdev->config->del_vqs(vdev);
	memset(priv->vq, 0, sizeof(priv->vq));

	kfree(priv->tx);
	kfree(priv->rx);
	kfree(priv->ctrl);
	priv->tx = NULL;
	priv->rx = NULL;
	priv->ctrl = NULL;
}

/* Queues, their buffers, and a device that is ready; else nothing at all */
static int virtio_can_setup(struct virtio_can_priv *priv)
{
	struct virtqueue_info info[VIRTIO_CAN_QUEUE_COUNT] = {
		[VIRTIO_CAN_QUEUE_TX]	   = { "tx", virtio_can_tx_done },
		[VIRTIO_CAN_QUEUE_RX]	   = { "rx", virtio_can_rx_done },
		[VIRTIO_CAN_QUEUE_CONTROL] = { "control", virtio_can_control_done },
	};
	unsigned int i;
	int err;

	err = virtio_find_vqs(priv->vdev, VIRTIO_CAN_QUEUE_COUNT, priv->vq, info, NULL);
	if (err) {
		memset(priv->vq, 0, sizeof(priv->vq));
		return err;
	}

	/* A frame or a control request takes two descriptors */
	err = -EINVAL;
	priv->tx_slots = min(VIRTIO_CAN_TX_SLOTS_MAX,
			     virtqueue_get_vring_size(priv->vq[VIRTIO_CAN_QUEUE_TX]) / 2);
	priv->rx_count = min(VIRTIO_CAN_RX_BUFS_MAX,
			     virtqueue_get_vring_size(priv->vq[VIRTIO_CAN_QUEUE_RX]));
	if (!priv->tx_slots ||
	    virtqueue_get_vring_size(priv->vq[VIRTIO_CAN_QUEUE_CONTROL]) < 2) {
		dev_err(&priv->vdev->dev, "queues too small\n");
		goto err_teardown;
	}

	err = -ENOMEM;
	priv->tx = kcalloc(priv->tx_slots, sizeof(*priv->tx), GFP_KERNEL);
	priv->rx = kcalloc(priv->rx_count, sizeof(*priv->rx), GFP_KERNEL);
	priv->ctrl = kzalloc(sizeof(*priv->ctrl), GFP_KERNEL);
	if (!priv->tx || !priv->rx || !priv->ctrl)
		goto err_teardown;

	for (i = 0; i < priv->rx_count; i++)
		priv->rx_free[i] = &priv->rx[i];
	priv->rx_nfree = priv->rx_count;
	priv->ctrl_busy = false;
	priv->ctrl_killed = false;

	virtio_device_ready(priv->vdev);
	virtio_can_rx_refill(priv);

	return 0;

err_teardown:
	virtio_can_teardown(priv);
	return err;
}

/* Called with a spinlock held, and reading the configuration may sleep */
static void virtio_can_config_changed(struct virtio_device *vdev)
{
	struct virtio_can_priv *priv = vdev->priv;

	/* A transport may say in this way that the device has gone bad */
	wake_up(&priv->wait);
	schedule_work(&priv->work);
}

static int virtio_can_validate(struct virtio_device *vdev)
{
	if (!virtio_has_feature(vdev, VIRTIO_F_VERSION_1))
		return -ENODEV;
	if (!virtio_has_feature(vdev, VIRTIO_CAN_F_CAN_CLASSIC)) {
		if (!virtio_has_feature(vdev, VIRTIO_CAN_F_CAN_FD)) {
			dev_err(&vdev->dev, "neither classic CAN nor CAN FD offered\n");
			return -ENODEV;
		}
		__virtio_clear_bit(vdev, VIRTIO_CAN_F_RTR_FRAMES);
	}

	/* The table of two entries would be allocated anew for each frame */
	__virtio_clear_bit(vdev, VIRTIO_RING_F_INDIRECT_DESC);

	return 0;
}

static int virtio_can_init_netdev(struct virtio_can_priv *priv)
{
	struct virtio_device *vdev = priv->vdev;
	struct net_device *dev = priv->dev;

	SET_NETDEV_DEV(dev, &vdev->dev);
	dev->netdev_ops = &virtio_can_netdev_ops;
	dev->ethtool_ops = &virtio_can_ethtool_ops;
	dev->flags |= IFF_ECHO;
	netif_napi_add(dev, &priv->napi, virtio_can_poll);

	priv->classic = virtio_has_feature(vdev, VIRTIO_CAN_F_CAN_CLASSIC);
	priv->fd = virtio_has_feature(vdev, VIRTIO_CAN_F_CAN_FD);
	priv->rtr = virtio_has_feature(vdev, VIRTIO_CAN_F_RTR_FRAMES);
	priv->rx_size = sizeof(struct virtio_can_rx) +
			(priv->fd ? CANFD_MAX_DLEN : CAN_MAX_DLEN);

	priv->can.bittiming.bitrate = CAN_BITRATE_UNKNOWN;
	priv->can.do_set_mode = virtio_can_set_mode;
	if (priv->fd)
		return can_set_static_ctrlmode(dev, CAN_CTRLMODE_FD);

	return 0;
}

static int virtio_can_probe(struct virtio_device *vdev)
{
	struct virtio_can_priv *priv;
	struct net_device *dev;
	int err;

	dev = alloc_candev(sizeof(*priv), VIRTIO_CAN_TX_SLOTS_MAX);
	if (!dev)
		return -ENOMEM;

	priv = netdev_priv(dev);
	priv->dev = dev;
	priv->vdev = vdev;
	vdev->priv = priv;
	init_waitqueue_head(&priv->wait);
	spin_lock_init(&priv->tx_lock);
	mutex_init(&priv->ctrl_lock);
	INIT_WORK(&priv->work, virtio_can_check_status);
	INIT_DELAYED_WORK(&priv->rx_retry, virtio_can_rx_retry);

	err = virtio_can_init_netdev(priv);
	if (err)
		goto err_free;

	err = virtio_can_setup(priv);
	if (err)
		goto err_free;

	err = register_candev(dev);
	if (err)
		goto err_teardown;

	return 0;

err_teardown:
	cancel_delayed_work_sync(&priv->rx_retry);
	virtio_can_teardown(priv);
err_free:
	free_candev(dev);
	return err;
}

static void virtio_can_remove(struct virtio_device *vdev)
{
	struct virtio_can_priv *priv = vdev->priv;

	unregister_candev(priv->dev);
	cancel_work_sync(&priv->work);
	cancel_delayed_work_sync(&priv->rx_retry);
	virtio_can_teardown(priv);
	free_candev(priv->dev);
}

static int virtio_can_freeze(struct virtio_device *vdev)
{
	struct virtio_can_priv *priv = vdev->priv;

	rtnl_lock();
	netif_device_detach(priv->dev);
	virtio_can_quiesce(priv);
	rtnl_unlock();

	cancel_work_sync(&priv->work);
	cancel_delayed_work_sync(&priv->rx_retry);
	virtio_can_teardown(priv);

	return 0;
}

/* On failure the interface stays detached, and stop and remove find nothing to undo */
static int virtio_can_restore(struct virtio_device *vdev)
{
	struct virtio_can_priv *priv = vdev->priv;
	int err;

	err = virtio_can_setup(priv);
	if (err)
		return err;

	rtnl_lock();
	if (netif_running(priv->dev))
		err = virtio_can_open(priv->dev);
	if (!err)
		netif_device_attach(priv->dev);
	rtnl_unlock();

	return err;
}

static const unsigned int virtio_can_features[] = {
	VIRTIO_CAN_F_CAN_CLASSIC,
	VIRTIO_CAN_F_CAN_FD,
	VIRTIO_CAN_F_RTR_FRAMES,
	VIRTIO_CAN_F_LATE_TX_ACK,
};

static const struct virtio_device_id virtio_can_id_table[] = {
	{ VIRTIO_ID_CAN, VIRTIO_DEV_ANY_ID },
	{ 0 },
};
MODULE_DEVICE_TABLE(virtio, virtio_can_id_table);

static struct virtio_driver virtio_can_driver = {
	.driver.name		= KBUILD_MODNAME,
	.driver.owner		= THIS_MODULE,
	.feature_table		= virtio_can_features,
	.feature_table_size	= ARRAY_SIZE(virtio_can_features),
	.id_table		= virtio_can_id_table,
	.validate		= virtio_can_validate,
	.probe			= virtio_can_probe,
	.remove			= virtio_can_remove,
	.config_changed		= virtio_can_config_changed,
	.freeze			= pm_sleep_ptr(virtio_can_freeze),
	.restore		= pm_sleep_ptr(virtio_can_restore),
};
module_virtio_driver(virtio_can_driver);

MODULE_AUTHOR("Stratos");
MODULE_DESCRIPTION("CAN controller over virtio");
MODULE_VERSION(STRATOS_VERSION);
MODULE_LICENSE("GPL");
