// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool as the DMA operations of a device, for kernels before 6.18.
 *
 * virtio_ring maps through the parent of the virtio device.  That is a struct
 * device of our own, so nobody else sees these operations.
 */
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/scatterlist.h>

#include "internal.h"

static struct vmsg_pool *vmsg_dev_pool(struct device *dev)
{
	return &dev_to_vmsg(dev)->pool;
}

static void *vmsg_dma_alloc(struct device *dev, size_t size, dma_addr_t *addr,
			    gfp_t gfp, unsigned long attrs)
{
	return vmsg_pool_alloc(vmsg_dev_pool(dev), size, addr);
}

static void vmsg_dma_free(struct device *dev, size_t size, void *memory,
			  dma_addr_t addr, unsigned long attrs)
{
	vmsg_pool_free(vmsg_dev_pool(dev), addr);
}

static dma_addr_t vmsg_dma_map_page(struct device *dev, struct page *page,
				    unsigned long offset, size_t size,
				    enum dma_data_direction dir,
				    unsigned long attrs)
{
	return vmsg_pool_map(vmsg_dev_pool(dev), page_to_phys(page) + offset, size,
			     dir, !(attrs & DMA_ATTR_SKIP_CPU_SYNC));
}

static void vmsg_dma_unmap_page(struct device *dev, dma_addr_t addr, size_t size,
				enum dma_data_direction dir, unsigned long attrs)
{
	vmsg_pool_unmap(vmsg_dev_pool(dev), addr, size, dir,
			!(attrs & DMA_ATTR_SKIP_CPU_SYNC));
}

static void vmsg_dma_unmap_sg(struct device *dev, struct scatterlist *sgl, int nents,
			      enum dma_data_direction dir, unsigned long attrs)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		vmsg_dma_unmap_page(dev, sg_dma_address(sg), sg_dma_len(sg), dir, attrs);
}

static int vmsg_dma_map_sg(struct device *dev, struct scatterlist *sgl, int nents,
			   enum dma_data_direction dir, unsigned long attrs)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		dma_addr_t addr = vmsg_dma_map_page(dev, sg_page(sg), sg->offset,
						    sg->length, dir, attrs);

		if (addr == DMA_MAPPING_ERROR) {
			vmsg_dma_unmap_sg(dev, sgl, i, dir,
					  attrs | DMA_ATTR_SKIP_CPU_SYNC);
			return -ENOMEM;
		}
		sg_dma_address(sg) = addr;
		sg_dma_len(sg) = sg->length;
	}

	return nents;
}

static void vmsg_dma_sync_for_cpu(struct device *dev, dma_addr_t addr, size_t size,
				  enum dma_data_direction dir)
{
	vmsg_pool_sync_for_cpu(vmsg_dev_pool(dev), addr, size, dir);
}

static void vmsg_dma_sync_for_device(struct device *dev, dma_addr_t addr, size_t size,
				     enum dma_data_direction dir)
{
	vmsg_pool_sync_for_device(vmsg_dev_pool(dev), addr, size, dir);
}

static void vmsg_dma_sync_sg_for_cpu(struct device *dev, struct scatterlist *sgl,
				     int nents, enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		vmsg_dma_sync_for_cpu(dev, sg_dma_address(sg), sg_dma_len(sg), dir);
}

static void vmsg_dma_sync_sg_for_device(struct device *dev, struct scatterlist *sgl,
					int nents, enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		vmsg_dma_sync_for_device(dev, sg_dma_address(sg), sg_dma_len(sg), dir);
}

static size_t vmsg_dma_max_mapping_size(struct device *dev)
{
	return vmsg_pool_max_mapping(vmsg_dev_pool(dev));
}

static const struct dma_map_ops vmsg_dma_ops = {
	.alloc			= vmsg_dma_alloc,
	.free			= vmsg_dma_free,
	.map_page		= vmsg_dma_map_page,
	.unmap_page		= vmsg_dma_unmap_page,
	.map_sg			= vmsg_dma_map_sg,
	.unmap_sg		= vmsg_dma_unmap_sg,
	.sync_single_for_cpu	= vmsg_dma_sync_for_cpu,
	.sync_single_for_device	= vmsg_dma_sync_for_device,
	.sync_sg_for_cpu	= vmsg_dma_sync_sg_for_cpu,
	.sync_sg_for_device	= vmsg_dma_sync_sg_for_device,
	.max_mapping_size	= vmsg_dma_max_mapping_size,
};

/**
 * vmsg_map_init - have the device's buffers mapped through its pool
 * @dev: the device, not yet added
 *
 * Return: 0, or -EOPNOTSUPP where a device cannot have operations of its own.
 */
int vmsg_map_init(struct vmsg_device *dev)
{
	set_dma_ops(&dev->dev, &vmsg_dma_ops);
	/* Without CONFIG_DMA_OPS the line above does nothing at all. */
	if (get_dma_ops(&dev->dev) != &vmsg_dma_ops) {
		dev_err(dev->link->parent,
			"this kernel has no DMA operations per device\n");
		return -EOPNOTSUPP;
	}

	return dma_coerce_mask_and_coherent(&dev->dev, DMA_BIT_MASK(64));
}
