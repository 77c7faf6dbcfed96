/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wire types of both byte orders for the Stratos headers.
 *
 * In the kernel and in Linux user space they are the kernel's own; on a target
 * without <linux/types.h> (a safety island) they are defined here, so that the
 * same headers compile everywhere.  They carry no byte swapping: a reader
 * converts with its own helpers.
 */
#ifndef _LINUX_VIRTIO_WIRE_TYPES_H
#define _LINUX_VIRTIO_WIRE_TYPES_H

#if defined(__KERNEL__) || defined(__linux__)
#include <linux/types.h>
#else
#include <stdint.h>
typedef uint8_t __u8;
typedef uint16_t __le16;
typedef uint32_t __le32;
typedef uint64_t __le64;
typedef uint16_t __be16;
typedef uint32_t __be32;
#endif

#endif /* _LINUX_VIRTIO_WIRE_TYPES_H */
