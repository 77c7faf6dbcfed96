// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notification bits and message slots.
 *
 * Documentation/transport.rst, "Notifications" and "Messages", numbers the steps
 * that the barriers here refer to.  Everything that the peer writes is read with
 * READ_ONCE(), and what we write is never read back: the truth is in the link's
 * private shadow.
 */
#include <linux/bitops.h>
#include <linux/dev_printk.h>
#include <linux/string.h>
#include <asm/barrier.h>

#include "internal.h"

/* Rounds of vmsg_receive() before it leaves the rest to the workqueue */
#define VMSG_MAX_ROUNDS		32

/* Bit 0 of word 0: there is a message */
#define VMSG_MESSAGE_BIT	0

static unsigned int vmsg_words(const struct virtio_msg_link *link)
{
	return link->layout.notif_words * 2;
}

/**
 * vmsg_ring - ring the peer's doorbell
 * @link: the link; the caller holds tx_lock
 */
void vmsg_ring(struct virtio_msg_link *link)
{
	lockdep_assert_held(&link->tx_lock);

	link->stats.doorbells++;
	link->ops->ring(link->priv, le32_to_cpu(READ_ONCE(link->peer.side->doorbell)));
}

/* Steps 2 to 6; step 1, to make the work visible, is the caller's. */
static void vmsg_notify(struct virtio_msg_link *link, unsigned int bit)
{
	unsigned int word = bit / 32;
	u32 mask = BIT(bit % 32);
	u32 seen;

	lockdep_assert_held(&link->tx_lock);

	/*
	 * Step 2.  Pairs with the full barrier after the peer wrote its rx:
	 * either we see rx as it was before, or the peer sees the work.
	 */
	virt_mb();
	seen = le32_to_cpu(READ_ONCE(link->peer.rx[word]));
	if ((link->tx[word] ^ seen) & mask)
		return;

	link->tx[word] ^= mask;
	WRITE_ONCE(link->self.tx[word], cpu_to_le32(link->tx[word]));
	link->stats.kicks++;

	/*
	 * Step 5.  Pairs with the peer's barrier between need_wakeup = 1 and its
	 * last look: either we see need_wakeup, or the peer sees the bit.
	 */
	virt_mb();
	if (READ_ONCE(link->peer.side->need_wakeup))
		vmsg_ring(link);
}

/**
 * vmsg_notify_queue - tell the device side that a queue has work
 * @dev: the device
 * @index: the queue
 *
 * Return: false if the device is broken.
 */
bool vmsg_notify_queue(struct vmsg_device *dev, unsigned int index)
{
	struct virtio_msg_link *link = dev->link;
	unsigned int v = link->layout.vq_notif;

	guard(spinlock_irqsave)(&link->tx_lock);

	if (READ_ONCE(dev->broken) || !vmsg_link_up(link, dev->run))
		return false;

	vmsg_notify(link, v * (dev->num + 1) + index % v);
	return true;
}

/* Slots between our tail and the peer's head, or -EPROTO. */
static int vmsg_outstanding(struct virtio_msg_link *link)
{
	u16 head = le16_to_cpu(READ_ONCE(link->peer.head->head));

	lockdep_assert_held(&link->tx_lock);

	if (head >= link->layout.slots)
		return -EPROTO;
	return (link->tail + link->layout.slots - head) % link->layout.slots;
}

/**
 * vmsg_put - send a message
 * @link: the link
 * @run: the run of the link that the message belongs to
 * @msg: the message
 * @seq: number of the message, for vmsg_consumed()
 *
 * Return: 0, -EIO if the link is down, -EAGAIN if all slots are taken, -EPROTO
 * if the peer's index is out of range.
 */
int vmsg_put(struct virtio_msg_link *link, u32 run, const struct vmsg_message *msg,
	     u32 *seq)
{
	int outstanding;

	guard(spinlock_irqsave)(&link->tx_lock);

	if (!vmsg_link_up(link, run))
		return -EIO;
	outstanding = vmsg_outstanding(link);
	if (outstanding < 0)
		return outstanding;
	if (outstanding == link->layout.slots - 1)
		return -EAGAIN;

	memcpy(link->self.elements + (size_t)link->tail * link->layout.slot_size,
	       msg, le16_to_cpu(msg->hdr.msg_size));
	/* Pairs with the peer's read barrier between tail and slot. */
	virt_wmb();
	link->tail = (link->tail + 1) % link->layout.slots;
	WRITE_ONCE(link->self.head->tail, cpu_to_le16(link->tail));
	*seq = link->sent++;

	vmsg_notify(link, VMSG_MESSAGE_BIT);
	return 0;
}

/**
 * vmsg_consumed - has the peer dealt with a message?
 * @link: the link
 * @seq: what vmsg_put() said
 *
 * Return: true too if the peer's index makes no sense.
 */
bool vmsg_consumed(struct virtio_msg_link *link, u32 seq)
{
	int outstanding;

	guard(spinlock_irqsave)(&link->tx_lock);

	outstanding = vmsg_outstanding(link);
	return outstanding < 0 || (s32)(link->sent - outstanding - seq) > 0;
}

/**
 * vmsg_malformed - count, and say now and then, that the peer broke a rule
 * @link: the link; the caller holds rx_lock
 * @what: what was wrong
 */
void vmsg_malformed(struct virtio_msg_link *link, const char *what)
{
	lockdep_assert_held(&link->rx_lock);

	link->stats.malformed++;
	if (__ratelimit(&link->complaints))
		dev_warn(link->parent, "peer broke a rule: %s\n", what);
}

/* Takes what is in the peer's slots; no more than fit in at once. */
static void vmsg_take_messages(struct virtio_msg_link *link)
{
	u16 tail = le16_to_cpu(READ_ONCE(link->peer.head->tail));

	if (tail >= link->layout.slots) {
		vmsg_malformed(link, "tail is out of range");
		return;
	}
	/* Pairs with the peer's write barrier between slot and tail. */
	virt_rmb();

	while (link->head != tail) {
		memcpy(link->slot, link->peer.elements +
		       (size_t)link->head * link->layout.slot_size,
		       link->layout.slot_size);
		/* The compiler must not go back to the slot for what it checks. */
		barrier();
		vmsg_dispatch(link, link->slot);

		link->head = (link->head + 1) % link->layout.slots;
		/*
		 * The slot was read before it is given back.  Pairs with the
		 * control dependency from our head to the peer's next write.
		 */
		virt_store_release(&link->self.head->head, cpu_to_le16(link->head));
	}
}

/* Serves the notifications in one word. */
static void vmsg_serve(struct virtio_msg_link *link, unsigned int word, u32 pending)
{
	unsigned int v = link->layout.vq_notif;
	unsigned int bit;

	if (word == 0 && (pending & BIT(VMSG_MESSAGE_BIT)))
		vmsg_take_messages(link);

	while (pending) {
		struct vmsg_device *dev;
		unsigned int num;

		bit = word * 32 + __ffs(pending);
		pending &= pending - 1;

		/* Bits 1 to V - 1 mean nothing, no more than absent devices. */
		num = bit / v;
		if (num == 0 || num > link->layout.max_devices)
			continue;
		dev = link->devices[num - 1];
		if (dev)
			vmsg_device_notified(dev, bit % v);
	}
}

/* Steps 2 and 3, once through all words. */
static bool vmsg_receive_round(struct virtio_msg_link *link)
{
	unsigned int word;
	bool found = false;

	for (word = 0; word < vmsg_words(link); word++) {
		u32 pending = link->rx[word] ^ le32_to_cpu(READ_ONCE(link->peer.tx[word]));

		if (!pending)
			continue;
		found = true;

		link->rx[word] ^= pending;
		WRITE_ONCE(link->self.rx[word], cpu_to_le32(link->rx[word]));
		/*
		 * Acknowledge before looking.  Pairs with the peer's barrier
		 * between its work and its look at our rx.
		 */
		virt_mb();
		vmsg_serve(link, word, pending);
	}

	return found;
}

static bool vmsg_pending(struct virtio_msg_link *link)
{
	unsigned int word;

	for (word = 0; word < vmsg_words(link); word++)
		if (link->rx[word] != le32_to_cpu(READ_ONCE(link->peer.tx[word])))
			return true;

	return false;
}

/**
 * vmsg_receive - serve what the peer notified
 * @link: the link, in RUN; the caller holds rx_lock
 *
 * Return: true if there is more than a peer may keep an interrupt handler busy
 * with.  It must then be called again, and no doorbell will ask for it.
 */
bool vmsg_receive(struct virtio_msg_link *link)
{
	__le32 *need_wakeup = &link->self.side->need_wakeup;
	unsigned int round;

	lockdep_assert_held(&link->rx_lock);

	WRITE_ONCE(*need_wakeup, cpu_to_le32(0));
	for (round = 0; round < VMSG_MAX_ROUNDS; round++) {
		if (vmsg_receive_round(link))
			continue;

		WRITE_ONCE(*need_wakeup, cpu_to_le32(1));
		/*
		 * Step 5.  Pairs with the peer's barrier between its flip of a
		 * bit and its look at need_wakeup.
		 */
		virt_mb();
		if (!vmsg_pending(link))
			return false;
		WRITE_ONCE(*need_wakeup, cpu_to_le32(0));
	}

	return true;
}

/**
 * vmsg_amp_reset - zero all that a new handshake starts from
 * @link: the link; the caller holds rx_lock and tx_lock
 */
void vmsg_amp_reset(struct virtio_msg_link *link)
{
	unsigned int word;

	lockdep_assert_held(&link->rx_lock);
	lockdep_assert_held(&link->tx_lock);

	for (word = 0; word < vmsg_words(link); word++) {
		link->tx[word] = 0;
		link->rx[word] = 0;
		WRITE_ONCE(link->self.tx[word], cpu_to_le32(0));
		WRITE_ONCE(link->self.rx[word], cpu_to_le32(0));
	}
	link->tail = 0;
	link->head = 0;
	link->sent = 0;
	WRITE_ONCE(link->self.head->tail, cpu_to_le16(0));
	WRITE_ONCE(link->self.head->head, cpu_to_le16(0));
	WRITE_ONCE(link->self.side->need_wakeup, cpu_to_le32(1));
}
