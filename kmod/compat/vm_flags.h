/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From 6.3 on the flags of a mapping are changed through vm_flags_set(), which
 * takes the mapping's lock; before that there is none and they are just written.
 */
#ifndef _STRATOS_COMPAT_VM_FLAGS_H
#define _STRATOS_COMPAT_VM_FLAGS_H

#ifndef HAVE_VM_FLAGS_SET

#include <linux/mm.h>

static inline void compat_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

#define vm_flags_set			compat_vm_flags_set

#endif /* HAVE_VM_FLAGS_SET */

#endif /* _STRATOS_COMPAT_VM_FLAGS_H */
