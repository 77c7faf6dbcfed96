// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a device: an allocator, and copies in and out of it.
 *
 * A driver's buffer is never shared.  Mapping it takes granules of the device's
 * memory and copies the buffer in, unmapping copies it out.  So the device side
 * sees what a driver meant to show it and nothing beside: granules are cleared
 * when they are freed, and what goes back is no more than was mapped, whatever
 * length the device reported.
 *
 * For a device-writable buffer nothing is copied in: its old content is the
 * kernel's and none of the peer's business.
 */
#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "pool.h"

#define VMSG_GRANULE		64
#define VMSG_COHERENT_ALIGN	SZ_4K

/* A quarter of a small memory; from 512 KiB on an eighth */
#define VMSG_MIN_MAPPING	SZ_64K

/**
 * struct vmsg_slot - an allocation
 * @phys: the buffer that it stands for, not for coherent memory
 * @size: bytes of that buffer, 0 for coherent memory
 * @granules: how many it has
 */
struct vmsg_slot {
	phys_addr_t phys;
	u32 size;
	u32 granules;
};

/**
 * vmsg_pool_init - take over the memory of a device
 * @pool: the pool
 * @region: the mapped region
 * @address: offset in the region of the device's memory, multiple of 4096
 * @size: its bytes, a multiple of 4096
 *
 * Return: 0 or -ENOMEM.
 */
int vmsg_pool_init(struct vmsg_pool *pool, void *region, u64 address, u64 size)
{
	pool->base = region + address;
	pool->address = address;
	pool->size = size;
	pool->granules = size / VMSG_GRANULE;
	spin_lock_init(&pool->lock);

	pool->used = kvcalloc(BITS_TO_LONGS(pool->granules), sizeof(long), GFP_KERNEL);
	pool->first = kvcalloc(BITS_TO_LONGS(pool->granules), sizeof(long), GFP_KERNEL);
	pool->slots = kvcalloc(pool->granules, sizeof(*pool->slots), GFP_KERNEL);
	if (!pool->used || !pool->first || !pool->slots) {
		vmsg_pool_destroy(pool);
		return -ENOMEM;
	}

	/* Address 0 is never valid. */
	__set_bit(0, pool->used);
	return 0;
}

/**
 * vmsg_pool_destroy - give up the memory of a device
 * @pool: the pool; one that never was initialised but is zero will do
 */
void vmsg_pool_destroy(struct vmsg_pool *pool)
{
	kvfree(pool->slots);
	kvfree(pool->first);
	kvfree(pool->used);
	pool->slots = NULL;
	pool->first = NULL;
	pool->used = NULL;
}

/* Takes granules; the address, or 0 if there are not enough in a row. */
static dma_addr_t vmsg_pool_take(struct vmsg_pool *pool, size_t size, size_t align,
				 phys_addr_t phys, u32 mapped)
{
	unsigned long align_mask = align / VMSG_GRANULE - 1;
	unsigned long at, granules;

	if (!size || size > pool->size)
		return 0;
	granules = DIV_ROUND_UP(size, VMSG_GRANULE);

	guard(spinlock_irqsave)(&pool->lock);

	/* Next fit, so that a search does not wade through what is in use. */
	at = bitmap_find_next_zero_area(pool->used, pool->granules, pool->next,
					granules, align_mask);
	if (at >= pool->granules)
		at = bitmap_find_next_zero_area(pool->used, pool->granules, 0,
						granules, align_mask);
	if (at >= pool->granules)
		return 0;

	bitmap_set(pool->used, at, granules);
	__set_bit(at, pool->first);
	pool->slots[at] = (struct vmsg_slot) {
		.phys = phys, .size = mapped, .granules = granules,
	};
	pool->next = at + granules;

	return (dma_addr_t)at * VMSG_GRANULE;
}

/*
 * Finds the allocation that @addr lies in.  Returns a copy, so that it can be
 * used without the lock: nobody else frees what the caller holds.
 */
static bool vmsg_pool_find(struct vmsg_pool *pool, dma_addr_t addr,
			   struct vmsg_slot *slot, dma_addr_t *start)
{
	unsigned long granule, at;

	if (addr >= pool->size)
		return false;
	granule = addr / VMSG_GRANULE;

	guard(spinlock_irqsave)(&pool->lock);

	at = find_last_bit(pool->first, granule + 1);
	if (at > granule || granule - at >= pool->slots[at].granules)
		return false;

	*slot = pool->slots[at];
	*start = (dma_addr_t)at * VMSG_GRANULE;
	return true;
}

/* Clears and gives back; the next owner must not show the peer our content. */
static void vmsg_pool_give(struct vmsg_pool *pool, dma_addr_t start,
			   const struct vmsg_slot *slot)
{
	unsigned long at = start / VMSG_GRANULE;

	memset(pool->base + start, 0, (size_t)slot->granules * VMSG_GRANULE);

	guard(spinlock_irqsave)(&pool->lock);
	__clear_bit(at, pool->first);
	bitmap_clear(pool->used, at, slot->granules);
}

/* Copies between a buffer, which may be in high memory, and the pool. */
static void vmsg_pool_copy(void *shared, phys_addr_t phys, size_t size, bool to_pool)
{
	while (size) {
		struct page *page = pfn_to_page(PHYS_PFN(phys));
		size_t offset = offset_in_page(phys);
		size_t piece = min_t(size_t, size, PAGE_SIZE - offset);

		if (to_pool)
			memcpy_from_page(shared, page, offset, piece);
		else
			memcpy_to_page(page, offset, shared, piece);

		shared += piece;
		phys += piece;
		size -= piece;
	}
}

static bool vmsg_reads(enum dma_data_direction dir)
{
	return dir == DMA_TO_DEVICE || dir == DMA_BIDIRECTIONAL;
}

static bool vmsg_writes(enum dma_data_direction dir)
{
	return dir == DMA_FROM_DEVICE || dir == DMA_BIDIRECTIONAL;
}

/**
 * vmsg_pool_map - map a buffer
 * @pool: the pool
 * @phys: the buffer
 * @size: its bytes
 * @dir: who reads and who writes
 * @sync: copy it in, if the device reads it
 *
 * A full pool is nothing to talk about: the driver finds its queue full and
 * tries again.
 *
 * Return: the address for the device, or DMA_MAPPING_ERROR.
 */
dma_addr_t vmsg_pool_map(struct vmsg_pool *pool, phys_addr_t phys, size_t size,
			 enum dma_data_direction dir, bool sync)
{
	dma_addr_t addr;

	if (size > U32_MAX)
		return DMA_MAPPING_ERROR;
	addr = vmsg_pool_take(pool, size, VMSG_GRANULE, phys, size);
	if (!addr)
		return DMA_MAPPING_ERROR;

	if (sync && vmsg_reads(dir))
		vmsg_pool_copy(pool->base + addr, phys, size, true);

	return addr;
}

/**
 * vmsg_pool_unmap - undo vmsg_pool_map()
 * @pool: the pool
 * @addr: what vmsg_pool_map() returned
 * @size: bytes to copy out, no more than were mapped
 * @dir: who reads and who writes
 * @sync: copy it out, if the device writes it
 */
void vmsg_pool_unmap(struct vmsg_pool *pool, dma_addr_t addr, size_t size,
		     enum dma_data_direction dir, bool sync)
{
	struct vmsg_slot slot;
	dma_addr_t start;

	if (WARN_ONCE(!vmsg_pool_find(pool, addr, &slot, &start) ||
		      addr != start || !slot.size,
		      "unmap of %pad, which is not mapped\n", &addr))
		return;

	if (sync && vmsg_writes(dir))
		vmsg_pool_copy(pool->base + start, slot.phys,
			       min_t(size_t, size, slot.size), false);

	vmsg_pool_give(pool, start, &slot);
}

static void vmsg_pool_sync(struct vmsg_pool *pool, dma_addr_t addr, size_t size,
			   bool to_pool)
{
	struct vmsg_slot slot;
	dma_addr_t start;
	size_t offset;

	if (WARN_ONCE(!vmsg_pool_find(pool, addr, &slot, &start) || !slot.size,
		      "sync of %pad, which is not mapped\n", &addr))
		return;

	offset = addr - start;
	if (offset >= slot.size)
		return;
	vmsg_pool_copy(pool->base + addr, slot.phys + offset,
		       min_t(size_t, size, slot.size - offset), to_pool);
}

/**
 * vmsg_pool_sync_for_cpu - copy out what the device wrote
 * @pool: the pool
 * @addr: an address inside a mapping
 * @size: bytes from there on; no others are touched
 * @dir: who reads and who writes
 */
void vmsg_pool_sync_for_cpu(struct vmsg_pool *pool, dma_addr_t addr, size_t size,
			    enum dma_data_direction dir)
{
	if (vmsg_writes(dir))
		vmsg_pool_sync(pool, addr, size, false);
}

/**
 * vmsg_pool_sync_for_device - copy in what the driver wrote
 * @pool: the pool
 * @addr: an address inside a mapping
 * @size: bytes from there on; no others are touched
 * @dir: who reads and who writes
 */
void vmsg_pool_sync_for_device(struct vmsg_pool *pool, dma_addr_t addr, size_t size,
			       enum dma_data_direction dir)
{
	if (vmsg_reads(dir))
		vmsg_pool_sync(pool, addr, size, true);
}

/**
 * vmsg_pool_alloc - allocate memory that driver and device share, as for a ring
 * @pool: the pool
 * @size: bytes
 * @addr: the address for the device
 *
 * The memory is aligned to 4096 and zero, and shares no page with any other use
 * of the pool.
 *
 * Return: where it is mapped, or NULL.
 */
void *vmsg_pool_alloc(struct vmsg_pool *pool, size_t size, dma_addr_t *addr)
{
	if (size > pool->size)
		return NULL;
	size = ALIGN(size, VMSG_COHERENT_ALIGN);
	*addr = vmsg_pool_take(pool, size, VMSG_COHERENT_ALIGN, 0, 0);
	if (!*addr)
		return NULL;

	/* The peer may have written to memory that was free. */
	memset(pool->base + *addr, 0, size);
	return pool->base + *addr;
}

/**
 * vmsg_pool_free - undo vmsg_pool_alloc()
 * @pool: the pool
 * @addr: the address for the device
 */
void vmsg_pool_free(struct vmsg_pool *pool, dma_addr_t addr)
{
	struct vmsg_slot slot;
	dma_addr_t start;

	if (WARN_ONCE(!vmsg_pool_find(pool, addr, &slot, &start) ||
		      addr != start || slot.size,
		      "free of %pad, which is not allocated\n", &addr))
		return;

	vmsg_pool_give(pool, start, &slot);
}

/**
 * vmsg_pool_max_mapping - how large a buffer may be
 * @pool: the pool
 *
 * Return: bytes, so few that one mapping cannot starve the others.
 */
size_t vmsg_pool_max_mapping(const struct vmsg_pool *pool)
{
	u64 most = max_t(u64, pool->size / 8, VMSG_MIN_MAPPING);

	return min_t(u64, most, pool->size / 4);
}
