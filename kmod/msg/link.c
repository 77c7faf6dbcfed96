// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a link.
 *
 * Each side of a link publishes a status, an epoch and a heartbeat, and moves by
 * what it sees of the other's (Documentation/transport.rst, "Link states").  A
 * delayed work, the tick, does that here.  It runs twice a second, and at once
 * when an interrupt shows that the peer moved.  It never waits for anything, so
 * that our heartbeat goes on whatever the devices do.
 *
 * Every entry of RUN starts a new run.  A device belongs to the run in which it
 * was found: as soon as that run is over its requests fail at once, its queues
 * are broken, and the topology work takes it away.  That is why nothing can hang
 * on a peer that is dead, however it died.
 */
#include <linux/bitmap.h>
#include <linux/dev_printk.h>
#include <linux/export.h>
#include <linux/idr.h>
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <asm/barrier.h>

#include "internal.h"

/* Less than the second that the peer may count on */
#define VMSG_BEAT		(HZ / 2)
/* While the peer comes up its doorbell may not reach us yet */
#define VMSG_HANDSHAKE_BEAT	(HZ / 10)
/* One line of the log in this time about what the peer does wrong */
#define VMSG_COMPLAINT_INTERVAL	(10 * HZ)

static DEFINE_IDA(vmsg_link_ids);

static const char * const vmsg_state_names[] = {
	[VIRTIO_MSG_AMP_INIT] = "init",
	[VIRTIO_MSG_AMP_READY] = "ready",
	[VIRTIO_MSG_AMP_RUN] = "run",
	[VIRTIO_MSG_AMP_SHUTDOWN] = "shutdown",
	[VIRTIO_MSG_AMP_PEER_DEAD] = "peer-dead",
};

/**
 * vmsg_state_name - a word for a state
 * @state: VIRTIO_MSG_AMP_*, one of ours
 *
 * Return: the word.
 */
const char *vmsg_state_name(unsigned int state)
{
	return vmsg_state_names[state];
}

/**
 * vmsg_peer_beat - the peer's heartbeat
 * @link: the link
 *
 * Return: a number that moves while the peer lives.
 */
u32 vmsg_peer_beat(const struct virtio_msg_link *link)
{
	return le32_to_cpu(READ_ONCE(link->peer.side->heartbeat));
}

/**
 * vmsg_link_up - is the link in a certain run?
 * @link: the link; the answer holds while rx_lock or tx_lock is held
 * @run: the run
 *
 * Return: true if so.
 */
bool vmsg_link_up(struct virtio_msg_link *link, u32 run)
{
	return READ_ONCE(link->state) == VIRTIO_MSG_AMP_RUN && READ_ONCE(link->run) == run;
}

/**
 * vmsg_link_wake - have the state machine look at once
 * @link: the link; the caller holds rx_lock
 */
void vmsg_link_wake(struct virtio_msg_link *link)
{
	lockdep_assert_held(&link->rx_lock);

	if (!link->stopped)
		mod_delayed_work(vmsg_tick_queue, &link->tick, 0);
}

/* The run is over: whoever waits is told, nobody starts anything new. */
static void vmsg_link_down(struct virtio_msg_link *link)
{
	unsigned int num;

	lockdep_assert_held(&link->rx_lock);

	vmsg_channel_fail(&link->bus);
	for (num = 0; num < link->layout.max_devices; num++) {
		struct vmsg_device *dev = link->devices[num];

		if (!dev)
			continue;
		vmsg_device_break_locked(dev);
		vmsg_channel_fail(&dev->requests);
	}
}

static void vmsg_link_publish(struct virtio_msg_link *link, unsigned int state)
{
	lockdep_assert_held(&link->rx_lock);
	lockdep_assert_held(&link->tx_lock);

	if (state == VIRTIO_MSG_AMP_READY)
		vmsg_amp_reset(link);
	if (state == VIRTIO_MSG_AMP_RUN) {
		WRITE_ONCE(link->run, link->run + 1);
		link->mute = false;
		bitmap_zero(link->appeared, link->layout.max_devices);
	}
	WRITE_ONCE(link->state, state);

	/*
	 * Epoch, indices and notifications come before the status that says so.
	 * Pairs with the peer's read barrier after the status.
	 */
	virt_wmb();
	WRITE_ONCE(link->self.head->status, cpu_to_le16(state));
	vmsg_ring(link);
}

/**
 * vmsg_link_move - take a new state and publish it
 * @link: the link
 * @state: VIRTIO_MSG_AMP_*
 */
void vmsg_link_move(struct virtio_msg_link *link, unsigned int state)
{
	scoped_guard(spinlock_irqsave, &link->rx_lock) {
		bool was_up = link->state == VIRTIO_MSG_AMP_RUN;

		scoped_guard(spinlock, &link->tx_lock)
			vmsg_link_publish(link, state);
		/* Not under tx_lock: a driver that is told may want to kick. */
		if (was_up)
			vmsg_link_down(link);
	}

	dev_dbg(link->parent, "link: %s\n", vmsg_state_name(state));
	wake_up_all(&link->state_changed);
}

/**
 * vmsg_link_begin - begin anew, as another incarnation
 * @link: the link
 */
void vmsg_link_begin(struct virtio_msg_link *link)
{
	struct virtio_msg_stratos_side *side = link->self.side;
	u32 epoch;

	/* Not 0, and not what somebody may still be bound to. */
	do {
		epoch = get_random_u32();
	} while (!epoch || epoch == le32_to_cpu(READ_ONCE(side->epoch)));

	WRITE_ONCE(link->epoch, epoch);
	WRITE_ONCE(link->peer_epoch, 0);
	WRITE_ONCE(side->epoch, cpu_to_le32(epoch));
	WRITE_ONCE(side->peer_epoch, cpu_to_le32(0));
	WRITE_ONCE(side->doorbell, cpu_to_le32(link->doorbell));
	WRITE_ONCE(side->need_wakeup, cpu_to_le32(1));
	vmsg_link_move(link, VIRTIO_MSG_AMP_INIT);

	/* The magic says that the rest makes sense, so it comes last. */
	virt_wmb();
	WRITE_ONCE(link->self.head->magic, cpu_to_le16(VIRTIO_MSG_AMP_HEAD_MAGIC));
}

/**
 * struct vmsg_peer - what was seen of the peer, each field read once
 * @present: it has published its magic
 * @status: VIRTIO_MSG_AMP_*
 * @debugged: it must not be timed out
 * @epoch: its incarnation
 * @heartbeat: moves while it lives
 */
struct vmsg_peer {
	bool present;
	unsigned int status;
	bool debugged;
	u32 epoch;
	u32 heartbeat;
};

static struct vmsg_peer vmsg_look(const struct virtio_msg_link *link)
{
	u16 magic = le16_to_cpu(READ_ONCE(link->peer.head->magic));
	u16 status = le16_to_cpu(READ_ONCE(link->peer.head->status));

	/* Pairs with the peer's write barrier before its status. */
	virt_rmb();

	return (struct vmsg_peer) {
		.present = magic == VIRTIO_MSG_AMP_HEAD_MAGIC,
		.status = status & VIRTIO_MSG_AMP_STATUS_MASK,
		.debugged = status & VIRTIO_MSG_AMP_DEBUGGED,
		.epoch = le32_to_cpu(READ_ONCE(link->peer.side->epoch)),
		.heartbeat = vmsg_peer_beat(link),
	};
}

/* Is the peer where our state expects it, so that there is nothing to do? */
static bool vmsg_peer_steady(const struct virtio_msg_link *link)
{
	struct vmsg_peer peer = vmsg_look(link);

	return link->state == VIRTIO_MSG_AMP_RUN &&
	       (peer.status == VIRTIO_MSG_AMP_RUN || peer.status == VIRTIO_MSG_AMP_READY) &&
	       peer.epoch == link->peer_epoch;
}

/* How long the peer has been silent, in jiffies. */
static unsigned long vmsg_silence(struct virtio_msg_link *link, const struct vmsg_peer *peer)
{
	unsigned long now = jiffies;

	if (peer->heartbeat != link->peer_heartbeat || peer->debugged) {
		link->peer_heartbeat = peer->heartbeat;
		link->silence = 0;
	} else {
		/*
		 * Time in which we did not run is no silence: after a pause of
		 * the whole machine the peer gets its chance.
		 */
		link->silence += min_t(unsigned long, now - link->last_tick,
				       2 * VMSG_BEAT);
	}
	link->last_tick = now;

	return link->silence;
}

static bool vmsg_peer_died(struct virtio_msg_link *link, const struct vmsg_peer *peer)
{
	unsigned long timeout = msecs_to_jiffies(vmsg_peer_timeout_ms);
	unsigned long silence = vmsg_silence(link, peer);

	link->retry = jiffies;
	if (peer->status == VIRTIO_MSG_AMP_SHUTDOWN) {
		dev_info(link->parent, "peer shut down\n");
		return true;
	}
	if (READ_ONCE(link->mute)) {
		dev_warn(link->parent, "peer does not answer\n");
		/* Its heart never stopped: try again, but not all the time. */
		link->retry += timeout;
		return true;
	}
	if (silence > timeout) {
		dev_warn(link->parent, "peer is silent for %u ms\n",
			 jiffies_to_msecs(silence));
		return true;
	}

	return false;
}

static void vmsg_enter_run(struct virtio_msg_link *link, const struct vmsg_peer *peer)
{
	WRITE_ONCE(link->peer_epoch, peer->epoch);
	WRITE_ONCE(link->self.side->peer_epoch, cpu_to_le32(peer->epoch));
	link->peer_heartbeat = peer->heartbeat;
	link->silence = 0;
	link->last_tick = jiffies;
	vmsg_link_move(link, VIRTIO_MSG_AMP_RUN);
}

/* One move of the state machine; true if there was one. */
static bool vmsg_step(struct virtio_msg_link *link)
{
	struct vmsg_peer peer = vmsg_look(link);

	switch (link->state) {
	case VIRTIO_MSG_AMP_INIT:
		if (!peer.present || (peer.status != VIRTIO_MSG_AMP_INIT &&
				      peer.status != VIRTIO_MSG_AMP_READY))
			return false;
		vmsg_link_move(link, VIRTIO_MSG_AMP_READY);
		return true;

	case VIRTIO_MSG_AMP_READY:
		if (!peer.present || !peer.epoch ||
		    (peer.status != VIRTIO_MSG_AMP_READY &&
		     peer.status != VIRTIO_MSG_AMP_RUN))
			return false;
		vmsg_enter_run(link, &peer);
		return true;

	case VIRTIO_MSG_AMP_RUN:
		if (peer.status == VIRTIO_MSG_AMP_INIT || peer.epoch != link->peer_epoch) {
			dev_info(link->parent, "peer restarted\n");
			vmsg_link_begin(link);
			return true;
		}
		if (!vmsg_peer_died(link, &peer))
			return false;
		link->peer_heartbeat = peer.heartbeat;
		vmsg_link_move(link, VIRTIO_MSG_AMP_PEER_DEAD);
		return true;

	case VIRTIO_MSG_AMP_PEER_DEAD:
		if (peer.epoch == link->peer_epoch &&
		    (peer.heartbeat == link->peer_heartbeat ||
		     time_before(jiffies, link->retry)))
			return false;
		dev_info(link->parent, "peer is back\n");
		vmsg_link_begin(link);
		return true;
	}

	return false;
}

static void vmsg_tick(struct work_struct *work)
{
	struct virtio_msg_link *link = container_of(to_delayed_work(work),
						    struct virtio_msg_link, tick);
	bool more = false;

	link->heartbeat++;
	WRITE_ONCE(link->self.side->heartbeat, cpu_to_le32(link->heartbeat));

	if (vmsg_step(link)) {
		queue_work(vmsg_topology_queue, &link->topology);
		more = true;
	}

	guard(spinlock_irqsave)(&link->rx_lock);

	/*
	 * Usually the interrupt has served everything.  Not so when it was cut
	 * short, when RUN has just begun, or when a helper died between its flip
	 * of a bit and its ring of our doorbell.
	 */
	if (link->state == VIRTIO_MSG_AMP_RUN)
		more |= vmsg_receive(link);

	if (link->stopped)
		return;
	if (more)
		mod_delayed_work(vmsg_tick_queue, &link->tick, 0);
	else
		queue_delayed_work(vmsg_tick_queue, &link->tick,
				   link->state == VIRTIO_MSG_AMP_RUN ?
				   VMSG_BEAT : VMSG_HANDSHAKE_BEAT);
}

/**
 * virtio_msg_link_interrupt - our doorbell was rung
 * @link: the link
 *
 * Called in hard interrupt context, or in any other with bottom halves off: what
 * drivers schedule in their callbacks then runs as soon as these are on again.
 */
void virtio_msg_link_interrupt(struct virtio_msg_link *link)
{
	guard(spinlock_irqsave)(&link->rx_lock);

	link->stats.interrupts++;
	if (!vmsg_peer_steady(link) ||
	    (link->state == VIRTIO_MSG_AMP_RUN && vmsg_receive(link)))
		vmsg_link_wake(link);
}
EXPORT_SYMBOL_GPL(virtio_msg_link_interrupt);

static void vmsg_side_init(struct virtio_msg_link *link, struct vmsg_side *side,
			   const struct vmsg_layout_side *at)
{
	side->head = link->region + at->head;
	side->tx = link->region + at->notif;
	side->rx = side->tx + link->layout.notif_words * 2;
	side->side = link->region + at->side;
	side->elements = link->region + at->elements;
}

static void vmsg_link_init(struct virtio_msg_link *link)
{
	spin_lock_init(&link->rx_lock);
	spin_lock_init(&link->tx_lock);
	init_waitqueue_head(&link->state_changed);
	vmsg_channel_init(&link->bus);
	INIT_DELAYED_WORK(&link->tick, vmsg_tick);
	INIT_WORK(&link->topology, vmsg_topology_work);
	vmsg_side_init(link, &link->self, &link->layout.drv);
	vmsg_side_init(link, &link->peer, &link->layout.dev);
	ratelimit_state_init(&link->complaints, VMSG_COMPLAINT_INTERVAL, 1);
	link->state = VIRTIO_MSG_AMP_SHUTDOWN;
	link->stopped = true;
}

/**
 * virtio_msg_link_create - make a link of a region and its doorbells
 * @parent: the bus driver's device
 * @ops: how to ring the peer
 * @priv: for @ops
 * @region: the shared memory, mapped cacheable
 * @size: its bytes
 * @doorbell: what the peer shall write to its doorbell to reach us
 *
 * Nothing is written to the region before virtio_msg_link_start().
 *
 * Return: the link; ERR_PTR(-ENODEV) if the region is not meant for us;
 * ERR_PTR(-EINVAL) if it is and breaks a rule; ERR_PTR(-ENOMEM).
 */
struct virtio_msg_link *
virtio_msg_link_create(struct device *parent,
		       const struct virtio_msg_bus_ops *ops, void *priv,
		       void *region, u64 size, u32 doorbell)
{
	struct virtio_msg_link *link;
	int err;

	link = kzalloc(sizeof(*link), GFP_KERNEL);
	if (!link)
		return ERR_PTR(-ENOMEM);

	link->parent = parent;
	link->ops = ops;
	link->priv = priv;
	link->region = region;
	link->doorbell = doorbell;
	err = vmsg_layout_read(parent, region, size, &link->layout);
	if (err)
		goto err_free;

	err = -ENOMEM;
	link->slot = kzalloc(link->layout.slot_size, GFP_KERNEL);
	link->devices = kcalloc(link->layout.max_devices, sizeof(*link->devices),
				GFP_KERNEL);
	link->appeared = bitmap_zalloc(link->layout.max_devices, GFP_KERNEL);
	if (!link->slot || !link->devices || !link->appeared)
		goto err_free;

	link->id = ida_alloc(&vmsg_link_ids, GFP_KERNEL);
	if (link->id < 0) {
		err = link->id;
		goto err_free;
	}

	vmsg_link_init(link);
	return link;

err_free:
	bitmap_free(link->appeared);
	kfree(link->devices);
	kfree(link->slot);
	kfree(link);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(virtio_msg_link_create);

/**
 * virtio_msg_link_destroy - undo virtio_msg_link_create()
 * @link: the link, stopped, its interrupt freed
 */
void virtio_msg_link_destroy(struct virtio_msg_link *link)
{
	ida_free(&vmsg_link_ids, link->id);
	bitmap_free(link->appeared);
	kfree(link->devices);
	kfree(link->slot);
	kfree(link);
}
EXPORT_SYMBOL_GPL(virtio_msg_link_destroy);

/**
 * vmsg_link_set_off - have the link move by itself
 * @link: the link
 */
void vmsg_link_set_off(struct virtio_msg_link *link)
{
	/* The tick is not there yet: time that passed so far is no silence. */
	link->last_tick = jiffies;

	guard(spinlock_irqsave)(&link->rx_lock);
	link->stopped = false;
	vmsg_link_wake(link);
}

/**
 * vmsg_link_rest - undo vmsg_link_set_off()
 * @link: the link
 */
void vmsg_link_rest(struct virtio_msg_link *link)
{
	scoped_guard(spinlock_irqsave, &link->rx_lock)
		link->stopped = true;
	cancel_delayed_work_sync(&link->tick);
}

/**
 * virtio_msg_link_start - look for the peer
 * @link: the link
 *
 * Returns at once.  Devices appear when the peer has answered.
 */
void virtio_msg_link_start(struct virtio_msg_link *link)
{
	vmsg_link_begin(link);
	vmsg_link_set_off(link);
}
EXPORT_SYMBOL_GPL(virtio_msg_link_start);

/**
 * vmsg_link_halt - be gone for the peer
 * @link: the link
 */
void vmsg_link_halt(struct virtio_msg_link *link)
{
	vmsg_link_rest(link);
	vmsg_link_move(link, VIRTIO_MSG_AMP_SHUTDOWN);
}

/**
 * virtio_msg_link_shutdown - leave because the machine goes down
 * @link: the link
 *
 * The devices stay, broken: whoever uses them is past caring.
 */
void virtio_msg_link_shutdown(struct virtio_msg_link *link)
{
	vmsg_topology_hold(link);
	vmsg_link_halt(link);
}
EXPORT_SYMBOL_GPL(virtio_msg_link_shutdown);

/**
 * virtio_msg_link_stop - leave for good
 * @link: the link
 *
 * While the peer lives the drivers of the devices take their leave of it in good
 * order, each request with its deadline; of a dead peer nothing is awaited.
 */
void virtio_msg_link_stop(struct virtio_msg_link *link)
{
	vmsg_topology_hold(link);
	vmsg_remove_devices(link);
	vmsg_link_halt(link);
	/* Held it does nothing, but it may have been asked for again. */
	cancel_work_sync(&link->topology);
}
EXPORT_SYMBOL_GPL(virtio_msg_link_stop);

/**
 * virtio_msg_link_abandon - leave a peer that is gone
 * @link: the link
 *
 * As virtio_msg_link_stop() for a bus that knows that nobody is there any more:
 * requests that are under way fail at once instead of at their deadlines.
 */
void virtio_msg_link_abandon(struct virtio_msg_link *link)
{
	vmsg_link_halt(link);
	virtio_msg_link_stop(link);
}
EXPORT_SYMBOL_GPL(virtio_msg_link_abandon);
