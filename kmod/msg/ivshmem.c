// SPDX-License-Identifier: GPL-2.0-only
/*
 * Links over ivshmem, the shared memory device of QEMU (PCI 1af4:1110).
 *
 * Others use that id as well.  Only memory that begins with the layout of
 * Documentation/transport.rst is ours; any other device is left alone without a
 * word, for the driver that it was made for.
 */
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>

#include "link.h"

#define IVSHMEM_BAR_REGISTERS	0
#define IVSHMEM_BAR_MEMORY	2

#define IVSHMEM_IVPOSITION	0x08	/* our peer id */
#define IVSHMEM_DOORBELL	0x0c	/* peer id << 16 | vector */

#define IVSHMEM_VECTOR		0

/**
 * struct ivshmem - one device
 * @registers: BAR 0
 * @doorbell: what others write to their doorbell register to reach us
 */
struct ivshmem {
	void __iomem *registers;
	u32 doorbell;
};

static void ivshmem_ring(void *priv, u32 doorbell)
{
	struct ivshmem *ivshmem = priv;

	/* A peer that gives our own address out as its own interrupts itself only. */
	if (doorbell == ivshmem->doorbell)
		return;

	/* iowrite32() comes after all that was written to the memory before. */
	iowrite32(doorbell, ivshmem->registers + IVSHMEM_DOORBELL);
}

static const struct virtio_msg_bus_ops ivshmem_bus_ops = {
	.ring = ivshmem_ring,
};

static irqreturn_t ivshmem_interrupt(int irq, void *data)
{
	virtio_msg_link_interrupt(data);
	return IRQ_HANDLED;
}

static void *ivshmem_map_memory(struct pci_dev *pdev)
{
	resource_size_t start = pci_resource_start(pdev, IVSHMEM_BAR_MEMORY);
	resource_size_t size = pci_resource_len(pdev, IVSHMEM_BAR_MEMORY);

	if (!size)
		return ERR_PTR(-ENODEV);
	if (!devm_request_mem_region(&pdev->dev, start, size, KBUILD_MODNAME))
		return ERR_PTR(-EBUSY);

	/* Memory in truth: the peer maps it cached, and so must we. */
	return devm_memremap(&pdev->dev, start, size, MEMREMAP_WB);
}

static int ivshmem_request_irq(struct pci_dev *pdev, struct virtio_msg_link *link)
{
	int err, irq;

	err = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSIX);
	if (err < 0) {
		dev_err(&pdev->dev,
			"no MSI-X vector: %d; an ivshmem-doorbell with vectors=1 is needed\n",
			err);
		return err;
	}

	irq = pci_irq_vector(pdev, IVSHMEM_VECTOR);
	/* ivshmem_free_irq() wants the vector masked at once, not at the next interrupt. */
	irq_set_status_flags(irq, IRQ_DISABLE_UNLAZY);
	err = request_irq(irq, ivshmem_interrupt, 0, pci_name(pdev), link);
	if (err)
		pci_free_irq_vectors(pdev);
	return err;
}

/*
 * The peer may ring whenever it likes, also now.  A CPU that took its interrupt
 * and did not come to handle it yet would find the interrupt gone, and the kernel
 * would complain of an unexpected one: give it time, with the vector masked.
 */
static void ivshmem_free_irq(struct pci_dev *pdev, struct virtio_msg_link *link)
{
	int irq = pci_irq_vector(pdev, IVSHMEM_VECTOR);

	disable_irq(irq);
	synchronize_rcu();
	free_irq(irq, link);
	pci_free_irq_vectors(pdev);
}

static int ivshmem_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct virtio_msg_link *link;
	struct ivshmem *ivshmem;
	void *memory;
	u32 position;
	int err;

	ivshmem = devm_kzalloc(&pdev->dev, sizeof(*ivshmem), GFP_KERNEL);
	if (!ivshmem)
		return -ENOMEM;
	err = pcim_enable_device(pdev);
	if (err)
		return err;
	memory = ivshmem_map_memory(pdev);
	if (IS_ERR(memory))
		return PTR_ERR(memory);
	ivshmem->registers = pcim_iomap(pdev, IVSHMEM_BAR_REGISTERS, 0);
	if (!ivshmem->registers)
		return -ENOMEM;

	position = ioread32(ivshmem->registers + IVSHMEM_IVPOSITION);
	ivshmem->doorbell = position << 16 | IVSHMEM_VECTOR;
	link = virtio_msg_link_create(&pdev->dev, &ivshmem_bus_ops, ivshmem, memory,
				      pci_resource_len(pdev, IVSHMEM_BAR_MEMORY),
				      ivshmem->doorbell);
	if (IS_ERR(link))
		return PTR_ERR(link);

	pci_set_master(pdev);
	err = ivshmem_request_irq(pdev, link);
	if (err)
		goto err_destroy;

	pci_set_drvdata(pdev, link);
	virtio_msg_link_start(link);
	return 0;

err_destroy:
	pci_clear_master(pdev);
	virtio_msg_link_destroy(link);
	return err;
}

static void ivshmem_remove(struct pci_dev *pdev)
{
	struct virtio_msg_link *link = pci_get_drvdata(pdev);

	virtio_msg_link_stop(link);
	ivshmem_free_irq(pdev, link);
	pci_clear_master(pdev);
	virtio_msg_link_destroy(link);
}

static void ivshmem_shutdown(struct pci_dev *pdev)
{
	virtio_msg_link_shutdown(pci_get_drvdata(pdev));
}

static int ivshmem_suspend(struct device *dev)
{
	return virtio_msg_link_suspend(dev_get_drvdata(dev));
}

static int ivshmem_resume(struct device *dev)
{
	virtio_msg_link_resume(dev_get_drvdata(dev));
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(ivshmem_pm_ops, ivshmem_suspend, ivshmem_resume);

static const struct pci_device_id ivshmem_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1110) },
	{ }
};
MODULE_DEVICE_TABLE(pci, ivshmem_ids);

static struct pci_driver ivshmem_driver = {
	.name		= "virtio_msg_ivshmem",
	.id_table	= ivshmem_ids,
	.probe		= ivshmem_probe,
	.remove		= ivshmem_remove,
	.shutdown	= ivshmem_shutdown,
	.dev_groups	= virtio_msg_link_groups,
	.driver.pm	= pm_sleep_ptr(&ivshmem_pm_ops),
};
module_pci_driver(ivshmem_driver);

MODULE_AUTHOR("Stratos");
MODULE_DESCRIPTION("virtio over messages in ivshmem");
MODULE_VERSION(STRATOS_VERSION);
MODULE_LICENSE("GPL");
