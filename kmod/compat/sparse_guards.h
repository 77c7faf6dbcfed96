/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sparse counts locks taken and given back, but does not see what the guards of
 * <linux/cleanup.h> give back at the end of a scope, and calls each of them an
 * imbalance.  So it does not get to see locks at all.  Comes before the first
 * header that declares one.
 */
#ifndef _STRATOS_COMPAT_SPARSE_GUARDS_H
#define _STRATOS_COMPAT_SPARSE_GUARDS_H

#ifdef __CHECKER__
#undef __must_hold
#undef __acquires
#undef __cond_acquires
#undef __releases
#undef __acquire
#undef __release
#define __must_hold(...)
#define __acquires(...)
#define __cond_acquires(...)
#define __releases(...)
#define __acquire(...)		((void)0)
#define __release(...)		((void)0)
#endif

#endif /* _STRATOS_COMPAT_SPARSE_GUARDS_H */
