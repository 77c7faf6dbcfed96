/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Force-included before every file of kmod/, so that the drivers are written
 * for the newest kernel and compile on the oldest.  One header per break of the
 * kernel's interface; nothing else tests for it.
 */
#ifndef _STRATOS_COMPAT_H
#define _STRATOS_COMPAT_H

#include "sparse_guards.h"
#include "find_vqs.h"
#include "vm_flags.h"

#endif /* _STRATOS_COMPAT_H */
