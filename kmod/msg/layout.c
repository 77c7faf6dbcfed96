// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page 0 of the region: read once, checked in full.
 *
 * Documentation/transport.rst, "The region", lists the rules.
 */
#include <linux/build_bug.h>
#include <linux/dev_printk.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/virtio_msg.h>
#include <asm/barrier.h>

#include "layout.h"

#define VMSG_PAGE_0		SZ_4K
#define VMSG_POOL_ALIGN		SZ_4K

/* Both parts of page 0, as they lie in the region */
struct vmsg_wire_layout {
	struct virtio_msg_amp_layout amp;
	struct virtio_msg_stratos_layout stratos;
};

static_assert(sizeof(struct virtio_msg_amp_layout) == 64);
static_assert(sizeof(struct virtio_msg_stratos_layout) == 64);
static_assert(sizeof(struct virtio_msg_amp_head) == 8);
static_assert(sizeof(struct virtio_msg_stratos_side) == 128);

struct vmsg_area {
	const char *name;
	u64 offset;
	u64 size;
	u64 align;
};

static const char *vmsg_check_amp(const struct virtio_msg_amp_layout *amp)
{
	u8 v = amp->vq_notif;

	if (le16_to_cpu(amp->version) != VIRTIO_MSG_AMP_VERSION)
		return "unknown version; hub and module must be of one release";
	if (le16_to_cpu(amp->length) < sizeof(*amp) ||
	    le16_to_cpu(amp->length) > VMSG_PAGE_0)
		return "bad length";
	if (amp->reserved)
		return "reserved field is not 0";
	if (le16_to_cpu(amp->features) & ~VIRTIO_MSG_AMP_F_MASKED)
		return "unknown feature";
	if (amp->num_notif < 1 || amp->num_notif > VIRTIO_MSG_AMP_MAX_NOTIF)
		return "bad number of notification words";
	if (v != 1 && v != 2 && v != 4 && v != 8 && v != 16)
		return "bad number of notifications per device";
	if (le16_to_cpu(amp->num_elements) < 2)
		return "too few message slots";
	if (le16_to_cpu(amp->element_size) < VIRTIO_MSG_AMP_MIN_SLOT ||
	    le16_to_cpu(amp->element_size) % 8)
		return "bad size of message slots";

	return NULL;
}

static const char *vmsg_check_stratos(const struct vmsg_wire_layout *wire, u64 size)
{
	const struct virtio_msg_stratos_layout *stratos = &wire->stratos;

	if (le16_to_cpu(wire->amp.length) < sizeof(*wire) ||
	    le32_to_cpu(stratos->magic) != VIRTIO_MSG_STRATOS_MAGIC)
		return "no memory for devices";
	if (le16_to_cpu(stratos->version) != VIRTIO_MSG_STRATOS_VERSION)
		return "unknown Stratos version; hub and module must be of one release";
	if (le16_to_cpu(stratos->length) < sizeof(*stratos))
		return "bad length of the Stratos part";
	if (le64_to_cpu(stratos->region_size) > size)
		return "the region is larger than the memory";

	return NULL;
}

/* Is the area aligned, behind page 0 and inside the region? */
static bool vmsg_area_fits(const struct vmsg_area *area, u64 region_size)
{
	return area->offset >= VMSG_PAGE_0 && area->size &&
	       IS_ALIGNED(area->offset, area->align) &&
	       area->offset <= region_size &&
	       area->size <= region_size - area->offset;
}

static int vmsg_check_areas(struct device *dev, const struct vmsg_area *areas,
			    unsigned int count, u64 region_size)
{
	unsigned int i, j;

	for (i = 0; i < count; i++) {
		const struct vmsg_area *a = &areas[i];

		if (!vmsg_area_fits(a, region_size)) {
			dev_err(dev, "shared memory: %s at %#llx, %#llx bytes, is misplaced\n",
				a->name, a->offset, a->size);
			return -EINVAL;
		}
		/* Both were found to end inside the region: no sum overflows. */
		for (j = 0; j < i; j++) {
			const struct vmsg_area *b = &areas[j];

			if (a->offset < b->offset + b->size &&
			    b->offset < a->offset + a->size) {
				dev_err(dev, "shared memory: %s and %s overlap\n",
					b->name, a->name);
				return -EINVAL;
			}
		}
	}

	return 0;
}

static int vmsg_check_places(struct device *dev, const struct vmsg_wire_layout *wire)
{
	const struct virtio_msg_amp_layout *amp = &wire->amp;
	const struct virtio_msg_stratos_layout *stratos = &wire->stratos;
	bool masked = le16_to_cpu(amp->features) & VIRTIO_MSG_AMP_F_MASKED;
	u64 notif = (u64)amp->num_notif * sizeof(__le64) * (masked ? 3 : 2);
	u64 elements = (u64)le16_to_cpu(amp->num_elements) *
		       le16_to_cpu(amp->element_size);
	const u64 head = sizeof(struct virtio_msg_amp_head);
	const u64 side = sizeof(struct virtio_msg_stratos_side);
	const struct vmsg_area areas[] = {
		{ "dev head", le64_to_cpu(amp->dev_head_off), head, 8 },
		{ "dev notifications", le64_to_cpu(amp->dev_notif_off), notif, 8 },
		{ "dev side", le64_to_cpu(stratos->dev_side_off), side, 8 },
		{ "dev messages", le64_to_cpu(amp->dev_elements_off), elements, 8 },
		{ "dev private", le64_to_cpu(stratos->dev_private_off),
		  le64_to_cpu(stratos->dev_private_size), 8 },
		{ "drv head", le64_to_cpu(amp->drv_head_off), head, 8 },
		{ "drv notifications", le64_to_cpu(amp->drv_notif_off), notif, 8 },
		{ "drv side", le64_to_cpu(stratos->drv_side_off), side, 8 },
		{ "drv messages", le64_to_cpu(amp->drv_elements_off), elements, 8 },
		{ "pool", le64_to_cpu(stratos->pool_off),
		  le64_to_cpu(stratos->pool_size), VMSG_POOL_ALIGN },
	};

	return vmsg_check_areas(dev, areas, ARRAY_SIZE(areas),
				le64_to_cpu(stratos->region_size));
}

static void vmsg_layout_fill(struct vmsg_layout *layout, const struct vmsg_wire_layout *wire)
{
	const struct virtio_msg_amp_layout *amp = &wire->amp;
	const struct virtio_msg_stratos_layout *stratos = &wire->stratos;

	*layout = (struct vmsg_layout) {
		.notif_words = amp->num_notif,
		.vq_notif = amp->vq_notif,
		.max_devices = amp->num_notif * 64 / amp->vq_notif - 1,
		.slots = le16_to_cpu(amp->num_elements),
		.slot_size = le16_to_cpu(amp->element_size),
		.dev = {
			.head = le64_to_cpu(amp->dev_head_off),
			.notif = le64_to_cpu(amp->dev_notif_off),
			.elements = le64_to_cpu(amp->dev_elements_off),
			.side = le64_to_cpu(stratos->dev_side_off),
		},
		.drv = {
			.head = le64_to_cpu(amp->drv_head_off),
			.notif = le64_to_cpu(amp->drv_notif_off),
			.elements = le64_to_cpu(amp->drv_elements_off),
			.side = le64_to_cpu(stratos->drv_side_off),
		},
		.pool = le64_to_cpu(stratos->pool_off),
		.pool_size = le64_to_cpu(stratos->pool_size),
	};
}

/**
 * vmsg_layout_read - read and check page 0 of a region
 * @dev: for messages
 * @region: the mapped region
 * @size: bytes mapped
 * @layout: filled if the region is sound
 *
 * Return: 0; -ENODEV if this is somebody else's shared memory, without a word;
 * -EINVAL, with one message, if it is meant for us but cannot be used.
 */
int vmsg_layout_read(struct device *dev, const void *region, u64 size,
		     struct vmsg_layout *layout)
{
	const struct virtio_msg_amp_layout *shared = region;
	struct vmsg_wire_layout wire;
	const char *error;

	if (size < VMSG_PAGE_0 ||
	    le16_to_cpu(READ_ONCE(shared->magic)) != VIRTIO_MSG_AMP_MAGIC) {
		dev_dbg(dev, "no virtio-msg layout in the shared memory\n");
		return -ENODEV;
	}

	/* Pairs with the creator's write of the magic, which comes last. */
	virt_rmb();
	memcpy(&wire, region, sizeof(wire));
	/* The compiler must not go back to the shared memory for what it checks. */
	barrier();

	error = vmsg_check_amp(&wire.amp);
	if (!error)
		error = vmsg_check_stratos(&wire, size);
	if (error) {
		dev_err(dev, "shared memory: %s\n", error);
		return -EINVAL;
	}
	if (vmsg_check_places(dev, &wire))
		return -EINVAL;

	vmsg_layout_fill(layout, &wire);
	return 0;
}
