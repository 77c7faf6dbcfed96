# SPDX-License-Identifier: GPL-2.0-only
#
# Which of the newer kernel interfaces does this kernel have?  Vendors backport
# them, so the headers are asked, not the version.  Each answer is named after
# the new form and is y or empty.

compat-has = $(if $(shell grep -qs $(1) $(srctree)/include/linux/$(2) && echo y),y)

$(if $(call compat-has,'__virtqueue_break',virtio.h),,$(error Stratos needs Linux 6.1 or newer))

# 6.3: the flags of a mapping have functions of their own
HAVE_VM_FLAGS_SET := $(call compat-has,'vm_flags_set',mm.h)
# 6.11: find_vqs takes one array of struct virtqueue_info
HAVE_VIRTQUEUE_INFO := $(call compat-has,'^struct virtqueue_info',virtio_config.h)
# 6.18: a transport brings its own mapping operations, struct virtio_map_ops
HAVE_VIRTIO_MAP_OPS := $(call compat-has,'^struct virtio_map_ops',virtio_config.h)

compat-flags := $(foreach have,HAVE_VM_FLAGS_SET HAVE_VIRTQUEUE_INFO HAVE_VIRTIO_MAP_OPS, \
		$(if $($(have)),-D$(have)))
