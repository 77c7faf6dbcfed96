/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of the virtio-msg transport, seen from each other.
 *
 * Locks, in the order in which they are taken:
 *
 *	link->rx_lock	what comes in; held while a virtqueue's callback runs
 *	link->tx_lock	what goes out
 *
 * Both are needed to change the state of the link, either to read it.
 */
#ifndef _VIRTIO_MSG_INTERNAL_H
#define _VIRTIO_MSG_INTERNAL_H

#include <linux/completion.h>
#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/virtio_msg.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "layout.h"
#include "link.h"
#include "pool.h"

/* What every implementation of virtio-msg takes: 8 bytes of header and 256 more */
#define VMSG_MAX_PAYLOAD	256

struct vmsg_message {
	struct virtio_msg_hdr hdr;
	u8 payload[VMSG_MAX_PAYLOAD];
};

/**
 * struct vmsg_channel - requests that go out one at a time
 * @lock: held by the task whose request is under way
 * @done: the response has come, or the link went down
 * @waiting: a response is awaited; this and all below under link->rx_lock
 * @type: VIRTIO_MSG_TYPE_* of the request
 * @msg_id: its id
 * @token: its token
 * @status: what became of the request
 * @length: bytes in @payload
 * @payload: the response
 */
struct vmsg_channel {
	struct mutex lock;	/* one request at a time */
	struct completion done;
	bool waiting;
	u8 type;
	u8 msg_id;
	u16 token;
	int status;
	size_t length;
	u8 payload[VMSG_MAX_PAYLOAD];
};

/**
 * struct vmsg_info - what GET_DEVICE_INFO told, whichever layout it had
 * @device_id: VIRTIO_ID_*
 * @vendor_id: the vendor
 * @config_size: bytes of configuration space
 * @max_vqs: virtqueues
 * @l1: the device speaks the layout of 2025
 */
struct vmsg_info {
	u32 device_id;
	u32 vendor_id;
	u32 config_size;
	u32 max_vqs;
	bool l1;
};

/**
 * struct vmsg_config - a private copy of a device's configuration space
 * @lock: protects everything here
 * @data: the copy, info.config_size bytes
 * @valid: @data may be used
 * @generation: what the device called it
 * @window: start, in jiffies, of the second in which @reads are counted
 * @reads: how often the device was asked for all of it in that second
 */
struct vmsg_config {
	struct mutex lock;	/* the private copy */
	u8 *data;
	bool valid;
	u32 generation;
	unsigned long window;
	unsigned int reads;
};

/**
 * struct vmsg_device - a virtio device of the link
 * @dev: parent of @vdev; carries the mapping operations
 * @vdev: the virtio device
 * @link: the link
 * @num: device number on the link
 * @run: the run of the link in which the device was found
 * @info: what it is
 * @config: its configuration space
 * @pool: its memory
 * @requests: its requests
 * @status: what the driver wrote last
 * @unreset: must be reset before a driver may use it
 * @registered: @vdev is registered
 * @broken: no more virtqueue or request, but for a reset; under link->rx_lock
 * @gone: the device side took the device away; under link->rx_lock
 * @needs_reset: the device side says so; under link->rx_lock
 * @config_stale: the configuration space changed since config.data was read
 * @nvqs: entries of @vqs; under link->rx_lock as @vqs is
 * @vqs: the virtqueues by index
 */
struct vmsg_device {
	struct device dev;
	struct virtio_device vdev;
	struct virtio_msg_link *link;
	u16 num;
	u32 run;
	struct vmsg_info info;
	struct vmsg_config config;
	struct vmsg_pool pool;
	struct vmsg_channel requests;
	u8 status;
	bool unreset;
	bool registered;
	bool broken;
	bool gone;
	bool needs_reset;
	unsigned int config_stale;
	unsigned int nvqs;
	struct virtqueue **vqs;
};

#define dev_to_vmsg(d)	container_of(d, struct vmsg_device, dev)
#define vdev_to_vmsg(v)	container_of(v, struct vmsg_device, vdev)

/**
 * struct vmsg_side - one side's areas of the region
 * @head: status and indices
 * @tx: notifications, as pairs of 32-bit words
 * @rx: acknowledgements
 * @side: epoch and heartbeat
 * @elements: message slots
 */
struct vmsg_side {
	struct virtio_msg_amp_head *head;
	__le32 *tx;
	__le32 *rx;
	struct virtio_msg_stratos_side *side;
	void *elements;
};

/* Notification words as they are accessed here, that is of 32 bits */
#define VMSG_MAX_WORDS	(VIRTIO_MSG_AMP_MAX_NOTIF * 2)

/**
 * struct vmsg_stats - what sysfs shows
 * @kicks: notifications sent; under link->tx_lock
 * @doorbells: rings of the peer's doorbell; under link->tx_lock
 * @interrupts: rings of ours; this and all below under link->rx_lock
 * @malformed: messages and indices that broke a rule
 * @late: responses that nobody waited for any more
 * @timeouts: requests without an answer
 */
struct vmsg_stats {
	unsigned long kicks;
	unsigned long doorbells;
	unsigned long interrupts;
	unsigned long malformed;
	unsigned long late;
	unsigned long timeouts;
};

/**
 * struct virtio_msg_link - one driver side
 * @parent: the device of the bus driver
 * @ops: the bus
 * @priv: the bus driver's
 * @region: the shared memory
 * @layout: what is where in it
 * @self: our areas
 * @peer: the peer's areas
 * @id: makes the names of the devices unique
 * @doorbell: what the peer writes to reach us
 *
 * @state: VIRTIO_MSG_AMP_*, under both locks
 * @run: counts the times that RUN was entered, under both locks
 * @epoch: our incarnation
 * @peer_epoch: the incarnation of the peer that we are bound to
 * @heartbeat: ours
 * @peer_heartbeat: the peer's, when it was last seen to move
 * @silence: for how many jiffies it has stood still
 * @last_tick: when @silence was last added to, in jiffies
 * @retry: not before this, in jiffies, a heartbeat is a sign of new life
 * @tick: runs the state machine
 * @state_changed: woken when @state changed
 *
 * @stopped: the link does not move by itself: before start, after stop, asleep;
 *	under @rx_lock
 * @mute: the peer did not answer a PING; under @rx_lock
 *
 * @tx_lock: protects what follows
 * @tx: our notifications
 * @tail: our producer index
 * @sent: messages sent in this run
 *
 * @rx_lock: protects what follows
 * @rx: what we acknowledged
 * @head: our consumer index
 * @slot: private copy of one slot
 * @devices: by number; changed by the topology work only
 * @bus: requests to the bus
 * @appeared: numbers of the devices that EVENT_DEVICE reported as ready
 *
 * @topology: adds and removes devices, and sends PINGs
 * @held: @topology leaves everything as it is
 * @scanned: the last run whose devices were enumerated
 * @ping: a PING is due
 *
 * @stats: counters
 * @complaints: how often the log tells of what the peer does wrong
 */
struct virtio_msg_link {
	struct device *parent;
	const struct virtio_msg_bus_ops *ops;
	void *priv;
	void *region;
	struct vmsg_layout layout;
	struct vmsg_side self;
	struct vmsg_side peer;
	int id;
	u32 doorbell;

	unsigned int state;
	u32 run;
	u32 epoch;
	u32 peer_epoch;
	u32 heartbeat;
	u32 peer_heartbeat;
	unsigned long silence;
	unsigned long last_tick;
	unsigned long retry;
	struct delayed_work tick;
	wait_queue_head_t state_changed;

	bool stopped;
	bool mute;

	spinlock_t tx_lock;	/* what goes out */
	u32 tx[VMSG_MAX_WORDS];
	u16 tail;
	u32 sent;

	spinlock_t rx_lock;	/* what comes in */
	u32 rx[VMSG_MAX_WORDS];
	u16 head;
	void *slot;
	struct vmsg_device **devices;
	struct vmsg_channel bus;
	unsigned long *appeared;

	struct work_struct topology;
	bool held;
	u32 scanned;
	unsigned int ping;

	struct vmsg_stats stats;
	struct ratelimit_state complaints;
};

extern struct workqueue_struct *vmsg_tick_queue;
extern struct workqueue_struct *vmsg_topology_queue;
extern unsigned int vmsg_peer_timeout_ms;
extern unsigned int vmsg_request_timeout_ms;
extern unsigned int vmsg_reset_timeout_ms;

/* amp.c: notifications and message slots */
void vmsg_ring(struct virtio_msg_link *link);
bool vmsg_notify_queue(struct vmsg_device *dev, unsigned int index);
int vmsg_put(struct virtio_msg_link *link, u32 run, const struct vmsg_message *msg,
	     u32 *seq);
bool vmsg_consumed(struct virtio_msg_link *link, u32 seq);
bool vmsg_receive(struct virtio_msg_link *link);
void vmsg_malformed(struct virtio_msg_link *link, const char *what);
void vmsg_amp_reset(struct virtio_msg_link *link);

/* link.c: the state machine */
const char *vmsg_state_name(unsigned int state);
u32 vmsg_peer_beat(const struct virtio_msg_link *link);
bool vmsg_link_up(struct virtio_msg_link *link, u32 run);
void vmsg_link_move(struct virtio_msg_link *link, unsigned int state);
void vmsg_link_begin(struct virtio_msg_link *link);
void vmsg_link_set_off(struct virtio_msg_link *link);
void vmsg_link_rest(struct virtio_msg_link *link);
void vmsg_link_halt(struct virtio_msg_link *link);
void vmsg_link_wake(struct virtio_msg_link *link);

/* request.c: requests and responses */
void vmsg_channel_init(struct vmsg_channel *channel);
void vmsg_channel_fail(struct vmsg_channel *channel);
void vmsg_dispatch(struct virtio_msg_link *link, const void *slot);
int vmsg_bus_request(struct virtio_msg_link *link, u32 run, u8 msg_id,
		     const void *payload, size_t length,
		     void *response, size_t size);
int vmsg_device_request(struct vmsg_device *dev, u8 msg_id,
			const void *payload, size_t length,
			void *response, size_t size);
size_t vmsg_max_payload(const struct virtio_msg_link *link);

/* codec.c: what is in the messages */
int vmsg_min_payload(u8 type, u8 msg_id);
int vmsg_get_devices(struct virtio_msg_link *link, u32 run, unsigned long *present);
int vmsg_ping(struct virtio_msg_link *link, u32 run);
int vmsg_get_info(struct vmsg_device *dev, struct vmsg_info *info);
int vmsg_get_features(struct vmsg_device *dev, u64 *features);
int vmsg_set_features(struct vmsg_device *dev, u64 features);
int vmsg_get_status(struct vmsg_device *dev, u32 *status);
int vmsg_set_status(struct vmsg_device *dev, u32 status, u32 *result);
int vmsg_get_config(struct vmsg_device *dev, u32 offset, void *data, size_t length,
		    u32 *generation);
int vmsg_set_config(struct vmsg_device *dev, u32 offset, const void *data, size_t length);
int vmsg_get_vqueue(struct vmsg_device *dev, u32 index, u32 *max_size, bool *enabled);
int vmsg_set_vqueue(struct vmsg_device *dev, struct virtqueue *vq);
int vmsg_get_memory(struct vmsg_device *dev, u64 *address, u64 *length);

/* config.c: configuration space */
int vmsg_config_init(struct vmsg_device *dev);
void vmsg_config_get(struct virtio_device *vdev, unsigned int offset, void *data,
		     unsigned int length);
void vmsg_config_set(struct virtio_device *vdev, unsigned int offset, const void *data,
		     unsigned int length);
u32 vmsg_config_generation(struct virtio_device *vdev);

/* device.c: virtio devices */
extern const struct virtio_config_ops vmsg_config_ops;
__printf(2, 3)
void vmsg_err(const struct vmsg_device *dev, const char *format, ...);
void vmsg_device_break(struct vmsg_device *dev);
void vmsg_device_break_locked(struct vmsg_device *dev);
void vmsg_device_gone(struct vmsg_device *dev);
void vmsg_device_notified(struct vmsg_device *dev, unsigned int bit);
void vmsg_device_config_event(struct vmsg_device *dev, u32 status);

/* scan.c: which devices there are */
void vmsg_topology_work(struct work_struct *work);
void vmsg_topology_hold(struct virtio_msg_link *link);
void vmsg_topology_release(struct virtio_msg_link *link);
void vmsg_remove_devices(struct virtio_msg_link *link);
int vmsg_device_identify(struct vmsg_device *dev, u64 *address, u64 *length);

/* map_dma_ops.c or map_virtio_ops.c: how virtio_ring reaches the pool */
int vmsg_map_init(struct vmsg_device *dev);

#endif /* _VIRTIO_MSG_INTERNAL_H */
