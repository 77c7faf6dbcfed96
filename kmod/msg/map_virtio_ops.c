// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool as the mapping operations of a virtio device, for kernels from 6.18.
 *
 * union virtio_map has no room for a pointer of ours, but it has the device that
 * virtio_ring takes for the one that does the DMA: the parent of the virtio
 * device, which is part of struct vmsg_device.
 */
#include <linux/dma-mapping.h>
#include <linux/virtio_config.h>

#include "internal.h"

static struct vmsg_pool *vmsg_map_pool(union virtio_map map)
{
	return &dev_to_vmsg(map.dma_dev)->pool;
}

static dma_addr_t vmsg_map_page(union virtio_map map, struct page *page,
				unsigned long offset, size_t size,
				enum dma_data_direction dir, unsigned long attrs)
{
	return vmsg_pool_map(vmsg_map_pool(map), page_to_phys(page) + offset, size,
			     dir, !(attrs & DMA_ATTR_SKIP_CPU_SYNC));
}

static void vmsg_unmap_page(union virtio_map map, dma_addr_t addr, size_t size,
			    enum dma_data_direction dir, unsigned long attrs)
{
	vmsg_pool_unmap(vmsg_map_pool(map), addr, size, dir,
			!(attrs & DMA_ATTR_SKIP_CPU_SYNC));
}

static void vmsg_sync_for_cpu(union virtio_map map, dma_addr_t addr, size_t size,
			      enum dma_data_direction dir)
{
	vmsg_pool_sync_for_cpu(vmsg_map_pool(map), addr, size, dir);
}

static void vmsg_sync_for_device(union virtio_map map, dma_addr_t addr, size_t size,
				 enum dma_data_direction dir)
{
	vmsg_pool_sync_for_device(vmsg_map_pool(map), addr, size, dir);
}

static void *vmsg_map_alloc(union virtio_map map, size_t size, dma_addr_t *addr,
			    gfp_t gfp)
{
	return vmsg_pool_alloc(vmsg_map_pool(map), size, addr);
}

static void vmsg_map_free(union virtio_map map, size_t size, void *memory,
			  dma_addr_t addr, unsigned long attrs)
{
	vmsg_pool_free(vmsg_map_pool(map), addr);
}

/* Every mapping is a copy. */
static bool vmsg_need_sync(union virtio_map map, dma_addr_t addr)
{
	return true;
}

static int vmsg_mapping_error(union virtio_map map, dma_addr_t addr)
{
	return addr == DMA_MAPPING_ERROR ? -ENOMEM : 0;
}

static size_t vmsg_max_mapping_size(union virtio_map map)
{
	return vmsg_pool_max_mapping(vmsg_map_pool(map));
}

static const struct virtio_map_ops vmsg_map_ops = {
	.map_page		= vmsg_map_page,
	.unmap_page		= vmsg_unmap_page,
	.sync_single_for_cpu	= vmsg_sync_for_cpu,
	.sync_single_for_device	= vmsg_sync_for_device,
	.alloc			= vmsg_map_alloc,
	.free			= vmsg_map_free,
	.need_sync		= vmsg_need_sync,
	.mapping_error		= vmsg_mapping_error,
	.max_mapping_size	= vmsg_max_mapping_size,
};

/**
 * vmsg_map_init - have the device's buffers mapped through its pool
 * @dev: the device, not yet added
 *
 * Return: 0.
 */
int vmsg_map_init(struct vmsg_device *dev)
{
	dev->vdev.map = &vmsg_map_ops;
	dev->vdev.vmap.dma_dev = &dev->dev;
	return 0;
}
