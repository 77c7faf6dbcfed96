// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio_can: control requests, the state of the controller, bus-off
 */

#include <linux/can/dev.h>
#include <linux/can/skb.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/scatterlist.h>
#include <linux/virtio_config.h>

#include "virtio_can.h"

static unsigned int control_timeout_ms = 1000;
module_param(control_timeout_ms, uint, 0644);
MODULE_PARM_DESC(control_timeout_ms,
		 "Milliseconds the device has to answer, 1 to 60000 (default 1000)");

unsigned long virtio_can_timeout(void)
{
	return msecs_to_jiffies(clamp(READ_ONCE(control_timeout_ms), 1U, 60000U));
}

bool virtio_can_is_broken(const struct virtio_can_priv *priv)
{
	unsigned int i;

	for (i = 0; i < VIRTIO_CAN_QUEUE_COUNT; i++)
		if (!priv->vq[i] || virtqueue_is_broken(priv->vq[i]))
			return true;

	return false;
}

/* One queue that is broken makes the whole device so */
void virtio_can_break(struct virtio_can_priv *priv)
{
	virtio_break_device(priv->vdev);
	virtio_can_close_tx(priv);
	netif_carrier_off(priv->dev);
	wake_up(&priv->wait);
}

void virtio_can_control_done(struct virtqueue *vq)
{
	struct virtio_can_priv *priv = vq->vdev->priv;

	wake_up(&priv->wait);
}

/* What virtio_can_control_wait() waits for: an answer, or that there will be none */
static bool virtio_can_control_over(struct virtio_can_priv *priv)
{
	struct virtqueue *vq = priv->vq[VIRTIO_CAN_QUEUE_CONTROL];
	unsigned int len;

	if (virtqueue_get_buf(vq, &len)) {
		priv->ctrl_busy = false;
		priv->ctrl_ok = len >= sizeof(priv->ctrl->in) &&
				READ_ONCE(priv->ctrl->in.result) == VIRTIO_CAN_RESULT_OK;
	}

	return !priv->ctrl_busy || virtqueue_is_broken(vq);
}

/*
 * Whether a device that let a deadline pass gets another one.  Over a transport
 * of messages the question for its status waits, within the transport's own
 * limits, for a device side that is away because it is being restarted.
 */
bool virtio_can_respite(struct virtio_can_priv *priv)
{
	u8 status = priv->vdev->config->get_status(priv->vdev);

	return (status & VIRTIO_CONFIG_S_DRIVER_OK) &&
	       !(status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* Time that is left, 0 if there was no answer, or negative if killed */
static long virtio_can_control_await(struct virtio_can_priv *priv, bool killable)
{
	if (killable)
		return wait_event_killable_timeout(priv->wait,
						   virtio_can_control_over(priv),
						   virtio_can_timeout());

	return wait_event_timeout(priv->wait, virtio_can_control_over(priv),
				  virtio_can_timeout());
}

static int virtio_can_control_wait(struct virtio_can_priv *priv, bool killable)
{
	long left = virtio_can_control_await(priv, killable);

	if (!left && virtio_can_respite(priv))
		left = virtio_can_control_await(priv, killable);

	if (left < 0) {
		priv->ctrl_killed = true;
		return -EINTR;
	}
	if (!left) {
		netdev_err(priv->dev, "no answer from the device in %u ms\n",
			   jiffies_to_msecs(virtio_can_timeout()));
		virtio_can_break(priv);
		return -ETIMEDOUT;
	}

	return !priv->ctrl_busy && priv->ctrl_ok ? 0 : -EIO;
}

/* A caller that has to go through with it even if it is dying is not killable */
static int virtio_can_control(struct virtio_can_priv *priv, u16 msg_type,
			      bool killable)
{
	struct scatterlist out, in, *sgs[] = { &out, &in };
	struct virtqueue *vq = priv->vq[VIRTIO_CAN_QUEUE_CONTROL];
	int err;

	lockdep_assert_held(&priv->ctrl_lock);

	if (priv->ctrl_busy) {
		err = virtio_can_control_wait(priv, killable);
		if (priv->ctrl_busy)
			return err;
	}

	priv->ctrl->out.msg_type = cpu_to_le16(msg_type);
	priv->ctrl->in.result = VIRTIO_CAN_RESULT_NOT_OK;
	sg_init_one(&out, &priv->ctrl->out, sizeof(priv->ctrl->out));
	sg_init_one(&in, &priv->ctrl->in, sizeof(priv->ctrl->in));

	err = virtqueue_add_sgs(vq, sgs, 1, 1, priv->ctrl, GFP_KERNEL);
	if (err)
		return err;
	priv->ctrl_busy = true;
	virtqueue_kick(vq);

	return virtio_can_control_wait(priv, killable);
}

int virtio_can_start(struct virtio_can_priv *priv)
{
	int err;

	/* The START that nobody waited for may have taken effect meanwhile */
	if (priv->ctrl_killed) {
		virtio_can_control(priv, VIRTIO_CAN_SET_CTRL_MODE_STOP, true);
		priv->ctrl_killed = priv->ctrl_busy;
	}

	err = virtio_can_control(priv, VIRTIO_CAN_SET_CTRL_MODE_START, true);
	if (err)
		return err;

	priv->can.state = CAN_STATE_ERROR_ACTIVE;
	spin_lock_bh(&priv->tx_lock);
	priv->tx_open = true;
	spin_unlock_bh(&priv->tx_lock);
	netif_carrier_on(priv->dev);
	netif_wake_queue(priv->dev);

	return 0;
}

/* The way to STOPPED; the Tx side is closed already */
void virtio_can_halt(struct virtio_can_priv *priv)
{
	guard(mutex)(&priv->ctrl_lock);

	/*
	 * A controller that is bus-off has stopped already, unless a restart was
	 * killed half-way.
	 */
	if ((priv->can.state != CAN_STATE_BUS_OFF || priv->ctrl_killed) &&
	    virtio_can_control(priv, VIRTIO_CAN_SET_CTRL_MODE_STOP, false))
		netdev_warn(priv->dev, "the device did not confirm the stop\n");
	priv->can.state = CAN_STATE_STOPPED;
}

/*
 * From the work item of restart-ms or from a netlink request: both may sleep.
 */
int virtio_can_set_mode(struct net_device *dev, enum can_mode mode)
{
	struct virtio_can_priv *priv = netdev_priv(dev);

	if (mode != CAN_MODE_START)
		return -EOPNOTSUPP;

	guard(mutex)(&priv->ctrl_lock);

	/* The interface may have been stopped while the work item waited */
	if (priv->can.state != CAN_STATE_BUS_OFF)
		return -EBUSY;

	return virtio_can_start(priv);
}

static void virtio_can_bus_off(struct virtio_can_priv *priv)
{
	struct net_device *dev = priv->dev;
	struct can_frame *cf;
	struct sk_buff *skb;

	/*
	 * A restart flushes the echo skbs without a lock, so every frame has to
	 * be back before the state becomes BUS_OFF.
	 */
	virtio_can_close_tx(priv);
	if (!virtio_can_tx_drained(priv)) {
		netdev_err(dev, "bus-off, but frames are not returned\n");
		virtio_can_break(priv);
		return;
	}

	/* A restart may follow at once and wants to find the carrier off */
	netif_carrier_off(dev);
	skb = alloc_can_err_skb(dev, &cf);
	can_change_state(dev, cf, CAN_STATE_BUS_OFF, CAN_STATE_BUS_OFF);
	can_bus_off(dev);
	if (skb)
		netif_rx(skb);
}

void virtio_can_check_status(struct work_struct *work)
{
	struct virtio_can_priv *priv = container_of(work, struct virtio_can_priv, work);
	u16 status;

	guard(mutex)(&priv->ctrl_lock);

	if (virtio_can_is_broken(priv)) {
		if (netif_carrier_ok(priv->dev))
			netdev_err(priv->dev, "the device is broken\n");
		virtio_can_break(priv);
		return;
	}
	if (priv->can.state >= CAN_STATE_BUS_OFF)
		return;

	virtio_cread_le(priv->vdev, struct virtio_can_config, status, &status);
	if (status & VIRTIO_CAN_S_CTRL_BUSOFF)
		virtio_can_bus_off(priv);
}
