/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the virtio_can module share; main.c tells how they play together
 */
#ifndef _VIRTIO_CAN_MODULE_H
#define _VIRTIO_CAN_MODULE_H

#include <linux/bitmap.h>
#include <linux/can/dev.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/virtio_can.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#define VIRTIO_CAN_TX_SLOTS_MAX		128U
#define VIRTIO_CAN_RX_BUFS_MAX		256U

/**
 * struct virtio_can_tx - a Tx slot
 * @out: struct virtio_can_tx_out and its payload; the device reads it
 * @in: the device's verdict
 */
struct virtio_can_tx {
	u8 out[sizeof(struct virtio_can_tx_out) + CANFD_MAX_DLEN] ____cacheline_aligned;
	struct virtio_can_tx_in in ____cacheline_aligned;
};

/**
 * struct virtio_can_rx_buf - an Rx buffer
 * @bytes: struct virtio_can_rx and its payload
 */
struct virtio_can_rx_buf {
	u8 bytes[sizeof(struct virtio_can_rx) + CANFD_MAX_DLEN] ____cacheline_aligned;
};

/**
 * struct virtio_can_ctrl - a control request
 * @out: what is asked; the device reads it
 * @in: the device's answer
 */
struct virtio_can_ctrl {
	struct virtio_can_control_out out ____cacheline_aligned;
	struct virtio_can_control_in in ____cacheline_aligned;
};

/**
 * struct virtio_can_priv - private data of the network device
 * @can: data of the CAN layer, has to be first
 * @dev: the network device
 * @vdev: the virtio device
 * @vq: the queues, by VIRTIO_CAN_QUEUE_*; NULL after a failed resume
 * @classic: classic frames were negotiated
 * @fd: CAN FD frames were negotiated
 * @rtr: remote frames were negotiated
 * @active: NAPI is enabled
 * @wait: woken by answers to control requests and by the last Tx slot
 * @work: looks at the device's status
 * @napi: takes back sent frames and takes received ones
 * @tx_lock: protects the Tx queue, the echo skbs and the members down to @tx
 * @tx_open: NAPI may wake the stack's queue
 * @tx_slots: slots in use with the present queue size
 * @tx_inflight: slots that the device holds
 * @tx_busy: which ones
 * @tx: the slots
 * @rx_retry: tries again after all Rx buffers failed to be posted
 * @rx_size: bytes of a posted Rx buffer
 * @rx_count: number of Rx buffers
 * @rx_nfree: buffers that are not posted
 * @rx_free: which ones
 * @rx: the Rx buffers
 * @ctrl_lock: protects the control queue, can.state and the members below
 * @ctrl_busy: the device holds @ctrl
 * @ctrl_ok: the last answer was OK
 * @ctrl_killed: the requester was killed, so the device's state is unknown
 * @ctrl: the request
 */
struct virtio_can_priv {
	struct can_priv can;
	struct net_device *dev;
	struct virtio_device *vdev;
	struct virtqueue *vq[VIRTIO_CAN_QUEUE_COUNT];
	bool classic;
	bool fd;
	bool rtr;
	bool active;
	wait_queue_head_t wait;
	struct work_struct work;
	struct napi_struct napi;

	spinlock_t tx_lock; /* Protects the Tx queue and its slots */
	bool tx_open;
	unsigned int tx_slots;
	unsigned int tx_inflight;
	DECLARE_BITMAP(tx_busy, VIRTIO_CAN_TX_SLOTS_MAX);
	struct virtio_can_tx *tx;

	struct delayed_work rx_retry;
	unsigned int rx_size;
	unsigned int rx_count;
	unsigned int rx_nfree;
	struct virtio_can_rx_buf *rx_free[VIRTIO_CAN_RX_BUFS_MAX];
	struct virtio_can_rx_buf *rx;

	struct mutex ctrl_lock; /* Serialises control requests and state changes */
	bool ctrl_busy;
	bool ctrl_ok;
	bool ctrl_killed;
	struct virtio_can_ctrl *ctrl;
};

/* control.c */
unsigned long virtio_can_timeout(void);
bool virtio_can_is_broken(const struct virtio_can_priv *priv);
void virtio_can_break(struct virtio_can_priv *priv);
bool virtio_can_respite(struct virtio_can_priv *priv);
void virtio_can_control_done(struct virtqueue *vq);
int virtio_can_start(struct virtio_can_priv *priv);
void virtio_can_halt(struct virtio_can_priv *priv);
int virtio_can_set_mode(struct net_device *dev, enum can_mode mode);
void virtio_can_check_status(struct work_struct *work);

/* tx.c */
netdev_tx_t virtio_can_start_xmit(struct sk_buff *skb, struct net_device *dev);
void virtio_can_tx_done(struct virtqueue *vq);
bool virtio_can_reap_tx(struct virtio_can_priv *priv);
void virtio_can_close_tx(struct virtio_can_priv *priv);
bool virtio_can_tx_drained(struct virtio_can_priv *priv);
void virtio_can_reclaim_tx(struct virtio_can_priv *priv);

/* rx.c */
void virtio_can_rx_done(struct virtqueue *vq);
int virtio_can_poll_rx(struct virtio_can_priv *priv, int budget);
void virtio_can_rx_retry(struct work_struct *work);
void virtio_can_rx_refill(struct virtio_can_priv *priv);
void virtio_can_rx_flush(struct virtio_can_priv *priv);

/* main.c */
void virtio_can_napi_schedule(struct virtio_can_priv *priv);

#endif /* _VIRTIO_CAN_MODULE_H */
