// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device side of a Stratos link for a helper in user space
 *
 * Binds to an ivshmem device (PCI 1af4:1110) whose memory carries the layout of
 * Documentation/transport.rst and offers, as UIO device "stratos":
 *
 *	map 0	"registers", BAR0, uncached: own peer id, doorbell
 *	map 1	"region", BAR2, cached like the ordinary memory that it is, unless
 *		the firmware put it where the MTRRs forbid that (below 4 GiB)
 *	read	the count of doorbells rung, MSI-X vector 0
 *
 * One helper at a time: the link has one device side.  When the device is
 * unplugged, the helper's mappings go with it and further accesses fault.
 */

#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uio_driver.h>
#include <linux/virtio_msg.h>

#define PCI_DEVICE_ID_IVSHMEM	0x1110

#define STRATOS_UIO_BAR_REGISTERS	0
#define STRATOS_UIO_BAR_REGION		2

enum {
	STRATOS_UIO_MAP_REGISTERS,
	STRATOS_UIO_MAP_REGION,
	STRATOS_UIO_MAPS,
};

/**
 * struct stratos_uio - one link
 * @info: what the UIO core knows of it
 * @inode: the device file the helper has open, else NULL; changed by open and
 *	release, which the UIO core serialises
 */
struct stratos_uio {
	struct uio_info info;
	struct inode *inode;
};

/* What the creator of the memory writes to its start */
struct stratos_uio_head {
	struct virtio_msg_amp_layout amp;
	struct virtio_msg_stratos_layout stratos;
};

static bool stratos_uio_is_layout(const struct stratos_uio_head *head)
{
	return le16_to_cpu(READ_ONCE(head->amp.magic)) == VIRTIO_MSG_AMP_MAGIC &&
	       le16_to_cpu(READ_ONCE(head->amp.version)) == VIRTIO_MSG_AMP_VERSION &&
	       le16_to_cpu(READ_ONCE(head->amp.length)) >= sizeof(*head) &&
	       le32_to_cpu(READ_ONCE(head->stratos.magic)) == VIRTIO_MSG_STRATOS_MAGIC;
}

/* Others use the same PCI id for shared memory of their own */
static int stratos_uio_recognise(struct pci_dev *pdev)
{
	struct stratos_uio_head *head;
	bool ours;

	if (!(pci_resource_flags(pdev, STRATOS_UIO_BAR_REGION) & IORESOURCE_MEM) ||
	    pci_resource_len(pdev, STRATOS_UIO_BAR_REGION) < PAGE_SIZE)
		return -ENODEV;

	head = memremap(pci_resource_start(pdev, STRATOS_UIO_BAR_REGION),
			PAGE_SIZE, MEMREMAP_WB);
	if (!head)
		return -ENOMEM;
	ours = stratos_uio_is_layout(head);
	memunmap(head);

	return ours ? 0 : -ENODEV;
}

static int stratos_uio_open(struct uio_info *info, struct inode *inode)
{
	struct stratos_uio *uio = container_of(info, struct stratos_uio, info);

	if (uio->inode)
		return -EBUSY;
	uio->inode = igrab(inode);

	return uio->inode ? 0 : -ENODEV;
}

static int stratos_uio_release(struct uio_info *info, struct inode *inode)
{
	struct stratos_uio *uio = container_of(info, struct stratos_uio, info);

	iput(uio->inode);
	uio->inode = NULL;

	return 0;
}

/* The UIO core would map the region uncached.  It has checked the map number. */
static int stratos_uio_mmap(struct uio_info *info, struct vm_area_struct *vma)
{
	unsigned long size = vma->vm_end - vma->vm_start;
	unsigned long map = vma->vm_pgoff;

	if (map >= STRATOS_UIO_MAPS || size > info->mem[map].size)
		return -EINVAL;
	/* A private copy of shared memory is always a mistake */
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (map == STRATOS_UIO_MAP_REGISTERS)
		vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);

	return io_remap_pfn_range(vma, vma->vm_start, PHYS_PFN(info->mem[map].addr),
				  size, vma->vm_page_prot);
}

static irqreturn_t stratos_uio_irq(int irq, struct uio_info *info)
{
	return IRQ_HANDLED;
}

static int stratos_uio_describe(struct uio_info *info, struct pci_dev *pdev)
{
	struct uio_mem *registers = &info->mem[STRATOS_UIO_MAP_REGISTERS];
	struct uio_mem *region = &info->mem[STRATOS_UIO_MAP_REGION];

	registers->name = "registers";
	registers->addr = pci_resource_start(pdev, STRATOS_UIO_BAR_REGISTERS);
	registers->size = PAGE_ALIGN(pci_resource_len(pdev, STRATOS_UIO_BAR_REGISTERS));
	registers->memtype = UIO_MEM_PHYS;

	region->name = "region";
	region->addr = pci_resource_start(pdev, STRATOS_UIO_BAR_REGION);
	region->size = pci_resource_len(pdev, STRATOS_UIO_BAR_REGION);
	region->memtype = UIO_MEM_IOVA;

	info->name = "stratos";
	info->version = STRATOS_VERSION;
	info->irq = pci_irq_vector(pdev, 0);
	info->handler = stratos_uio_irq;
	info->open = stratos_uio_open;
	info->release = stratos_uio_release;
	info->mmap = stratos_uio_mmap;

	/* What else is in the first page would be handed out as well */
	if (!registers->size || !PAGE_ALIGNED(registers->addr)) {
		dev_err(&pdev->dev, "the registers have no page of their own\n");
		return -EINVAL;
	}

	return 0;
}

static int stratos_uio_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct stratos_uio *uio;
	int err;

	err = pci_enable_device(pdev);
	if (err)
		return err;
	err = pci_request_regions(pdev, KBUILD_MODNAME);
	if (err)
		goto err_disable;
	err = stratos_uio_recognise(pdev);
	if (err)
		goto err_regions;

	err = -ENOMEM;
	uio = kzalloc(sizeof(*uio), GFP_KERNEL);
	if (!uio)
		goto err_regions;

	pci_set_master(pdev);
	err = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSIX);
	if (err < 0) {
		dev_err(&pdev->dev, "no MSI-X vector for the doorbell: %d\n", err);
		goto err_free;
	}
	err = stratos_uio_describe(&uio->info, pdev);
	if (err)
		goto err_vectors;
	err = uio_register_device(&pdev->dev, &uio->info);
	if (err)
		goto err_vectors;
	pci_set_drvdata(pdev, uio);

	return 0;

err_vectors:
	pci_free_irq_vectors(pdev);
err_free:
	kfree(uio);
err_regions:
	pci_release_regions(pdev);
err_disable:
	pci_disable_device(pdev);
	return err;
}

static void stratos_uio_remove(struct pci_dev *pdev)
{
	struct stratos_uio *uio = pci_get_drvdata(pdev);

	/* From here on the UIO core calls none of our functions */
	uio_unregister_device(&uio->info);
	if (uio->inode) {
		unmap_mapping_range(uio->inode->i_mapping, 0, 0, 1);
		iput(uio->inode);
	}
	pci_free_irq_vectors(pdev);
	kfree(uio);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
}

/*
 * Not a MODULE_DEVICE_TABLE: in a guest that uses the devices the same id
 * belongs to virtio_msg_ivshmem, so this module is loaded by name where the
 * helper runs.
 */
static const struct pci_device_id stratos_uio_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, PCI_DEVICE_ID_IVSHMEM) },
	{ }
};

static struct pci_driver stratos_uio_driver = {
	.name		= KBUILD_MODNAME,
	.id_table	= stratos_uio_ids,
	.probe		= stratos_uio_probe,
	.remove		= stratos_uio_remove,
};
module_pci_driver(stratos_uio_driver);

MODULE_AUTHOR("Stratos");
MODULE_DESCRIPTION("Device side of a Stratos link for user space");
MODULE_VERSION(STRATOS_VERSION);
MODULE_LICENSE("GPL");
