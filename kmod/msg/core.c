// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio over shared memory: the driver side of a virtio-msg link.
 *
 * Documentation/transport.rst describes what is in the memory.  This module does
 * all of it but for the way to the memory and to the doorbells, which is the
 * business of a bus driver, see link.h.
 */
#include <linux/module.h>
#include <linux/workqueue.h>

#include "internal.h"

struct workqueue_struct *vmsg_tick_queue;
struct workqueue_struct *vmsg_topology_queue;

unsigned int vmsg_peer_timeout_ms = 5000;
module_param_named(peer_timeout_ms, vmsg_peer_timeout_ms, uint, 0644);
MODULE_PARM_DESC(peer_timeout_ms,
		 "A peer that is silent for this long is dead, in milliseconds (default 5000)");

unsigned int vmsg_request_timeout_ms = 1000;
module_param_named(request_timeout_ms, vmsg_request_timeout_ms, uint, 0644);
MODULE_PARM_DESC(request_timeout_ms,
		 "A device that does not answer for this long is broken, in milliseconds (default 1000)");

unsigned int vmsg_reset_timeout_ms = 5000;
module_param_named(reset_timeout_ms, vmsg_reset_timeout_ms, uint, 0644);
MODULE_PARM_DESC(reset_timeout_ms,
		 "A device must have stopped within this time after a reset, in milliseconds (default 5000)");

static int __init vmsg_init(void)
{
	/* Heartbeats go on while memory is scarce: the link may be the way to swap. */
	vmsg_tick_queue = alloc_workqueue("virtio_msg_tick",
					  WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM, 0);
	if (!vmsg_tick_queue)
		return -ENOMEM;

	vmsg_topology_queue = alloc_workqueue("virtio_msg_topology", WQ_UNBOUND, 0);
	if (!vmsg_topology_queue) {
		destroy_workqueue(vmsg_tick_queue);
		return -ENOMEM;
	}

	return 0;
}
module_init(vmsg_init);

static void __exit vmsg_exit(void)
{
	destroy_workqueue(vmsg_topology_queue);
	destroy_workqueue(vmsg_tick_queue);
}
module_exit(vmsg_exit);

MODULE_AUTHOR("Stratos");
MODULE_DESCRIPTION("virtio over messages in shared memory");
MODULE_VERSION(STRATOS_VERSION);
MODULE_LICENSE("GPL");
