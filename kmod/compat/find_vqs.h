/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From 6.11 on the queues to find are one array of struct virtqueue_info; before
 * that they are three arrays, of callbacks, names and contexts.
 *
 * A driver calls virtio_find_vqs() in the new form.  A transport implements the
 * new form and names it in its ops through COMPAT_FIND_VQS(), after a
 * COMPAT_DEFINE_FIND_VQS() at file scope, which ends in a check of the type.
 */
#ifndef _STRATOS_COMPAT_FIND_VQS_H
#define _STRATOS_COMPAT_FIND_VQS_H

#include <linux/build_bug.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>

#define COMPAT_CHECK_FIND_VQS(fn)	\
	static_assert(__same_type(&(fn), ((struct virtio_config_ops *)NULL)->find_vqs))

#ifdef HAVE_VIRTQUEUE_INFO

#define COMPAT_DEFINE_FIND_VQS(fn)	COMPAT_CHECK_FIND_VQS(fn)
#define COMPAT_FIND_VQS(fn)		(fn)

#else

struct virtqueue_info {
	const char *name;
	vq_callback_t *callback;
	bool ctx;
};

static inline int
compat_virtio_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
		       struct virtqueue *vqs[],
		       struct virtqueue_info vqs_info[],
		       struct irq_affinity *desc)
{
	vq_callback_t **callbacks = kcalloc(nvqs, sizeof(*callbacks), GFP_KERNEL);
	const char **names = kcalloc(nvqs, sizeof(*names), GFP_KERNEL);
	bool *ctx = kcalloc(nvqs, sizeof(*ctx), GFP_KERNEL);
	int err = -ENOMEM;
	unsigned int i;

	if (callbacks && names && ctx) {
		for (i = 0; i < nvqs; i++) {
			callbacks[i] = vqs_info[i].callback;
			names[i] = vqs_info[i].name;
			ctx[i] = vqs_info[i].ctx;
		}
		err = vdev->config->find_vqs(vdev, nvqs, vqs, callbacks, names,
					     ctx, desc);
	}

	kfree(ctx);
	kfree(names);
	kfree(callbacks);
	return err;
}

#define virtio_find_vqs			compat_virtio_find_vqs

typedef int compat_find_vqs_fn(struct virtio_device *vdev, unsigned int nvqs,
			       struct virtqueue *vqs[],
			       struct virtqueue_info vqs_info[],
			       struct irq_affinity *desc);

static inline int
compat_find_vqs_arrays(compat_find_vqs_fn *fn, struct virtio_device *vdev,
		       unsigned int nvqs, struct virtqueue *vqs[],
		       vq_callback_t *callbacks[], const char * const names[],
		       const bool *ctx, struct irq_affinity *desc)
{
	struct virtqueue_info *vqs_info;
	unsigned int i;
	int err;

	vqs_info = kcalloc(nvqs, sizeof(*vqs_info), GFP_KERNEL);
	if (!vqs_info)
		return -ENOMEM;

	for (i = 0; i < nvqs; i++) {
		vqs_info[i].name = names[i];
		vqs_info[i].callback = callbacks[i];
		vqs_info[i].ctx = ctx && ctx[i];
	}
	err = fn(vdev, nvqs, vqs, vqs_info, desc);

	kfree(vqs_info);
	return err;
}

#define COMPAT_DEFINE_FIND_VQS(fn)					\
static int fn##_arrays(struct virtio_device *vdev, unsigned int nvqs,	\
		       struct virtqueue *vqs[],				\
		       vq_callback_t *callbacks[],			\
		       const char * const names[], const bool *ctx,	\
		       struct irq_affinity *desc)			\
{									\
	return compat_find_vqs_arrays(fn, vdev, nvqs, vqs, callbacks,	\
				      names, ctx, desc);		\
}									\
COMPAT_CHECK_FIND_VQS(fn##_arrays)

#define COMPAT_FIND_VQS(fn)		(fn##_arrays)

#endif /* HAVE_VIRTQUEUE_INFO */

#endif /* _STRATOS_COMPAT_FIND_VQS_H */
