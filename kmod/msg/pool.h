/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _VIRTIO_MSG_POOL_H
#define _VIRTIO_MSG_POOL_H

#include <linux/dma-direction.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/**
 * struct vmsg_pool - the memory of one device
 * @base: where it is mapped
 * @address: its offset in the region
 * @size: its bytes, a multiple of 4096
 * @granules: pieces of 64 bytes that it consists of
 * @lock: protects everything below
 * @used: granules that are handed out
 * @first: granules that an allocation begins with
 * @next: where to look first for free granules
 * @slots: one for each granule; valid for those in @first
 *
 * Addresses are offsets in this memory; 0 is never handed out.
 */
struct vmsg_pool {
	void *base;
	u64 address;
	u64 size;
	unsigned long granules;

	spinlock_t lock;	/* the allocator */
	unsigned long *used;
	unsigned long *first;
	unsigned long next;
	struct vmsg_slot *slots;
};

int vmsg_pool_init(struct vmsg_pool *pool, void *region, u64 address, u64 size);
void vmsg_pool_destroy(struct vmsg_pool *pool);

dma_addr_t vmsg_pool_map(struct vmsg_pool *pool, phys_addr_t phys, size_t size,
			 enum dma_data_direction dir, bool sync);
void vmsg_pool_unmap(struct vmsg_pool *pool, dma_addr_t addr, size_t size,
		     enum dma_data_direction dir, bool sync);
void vmsg_pool_sync_for_cpu(struct vmsg_pool *pool, dma_addr_t addr, size_t size,
			    enum dma_data_direction dir);
void vmsg_pool_sync_for_device(struct vmsg_pool *pool, dma_addr_t addr, size_t size,
			       enum dma_data_direction dir);
void *vmsg_pool_alloc(struct vmsg_pool *pool, size_t size, dma_addr_t *addr);
void vmsg_pool_free(struct vmsg_pool *pool, dma_addr_t addr);
size_t vmsg_pool_max_mapping(const struct vmsg_pool *pool);

#endif /* _VIRTIO_MSG_POOL_H */
