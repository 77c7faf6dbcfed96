// SPDX-License-Identifier: Apache-2.0
// Page 0 of a region: where everything lies (Documentation/transport.rst, "The
// region"). The creator of the memory plans and writes it, both sides check it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace stratos::virtio {

inline constexpr uint64_t kPageSize = 4096;

// Bytes [offset, offset + size) of a region.
struct Extent {
  uint64_t offset = 0;
  uint64_t size = 0;
  constexpr uint64_t end() const { return offset + size; }
  constexpr bool overlaps(const Extent& other) const {
    return offset < other.end() && other.offset < end();
  }
  friend bool operator==(const Extent&, const Extent&) = default;
};

// What one side writes.
struct SideLayout {
  Extent head;      // struct virtio_msg_amp_head
  Extent notif;     // tx words, rx words, mask words
  Extent elements;  // message slots
  Extent side;      // struct virtio_msg_stratos_side; empty without the extension
};

// A checked layout: every extent is aligned, inside the region and disjoint.
struct Layout {
  uint64_t region_size = 0;
  uint8_t num_notif = 0;      // notification words of 64 bits
  uint8_t vq_notif = 0;       // notification bits of a device
  uint16_t num_elements = 0;  // slots of a message queue
  uint16_t element_size = 0;  // bytes of a slot
  bool masked = false;        // mask words are present
  bool extended = false;      // the Stratos part is there
  SideLayout device;
  SideLayout driver;
  Extent device_private;
  Extent pool;

  // Device numbers run from 0 to device_numbers() - 1.
  constexpr uint32_t device_numbers() const { return 64u * num_notif / vq_notif - 1; }
};

// What the creator of the memory may choose.
struct LayoutPlan {
  uint64_t region_size = 0;
  uint8_t num_notif = 4;
  uint8_t vq_notif = 4;
  uint16_t num_elements = 32;
  uint16_t element_size = 320;
  uint64_t private_size = uint64_t{256} * 1024;
};

enum class LayoutError : uint8_t {
  kRegionSize,  // too small for the layout
  kMagic,       // somebody else's memory
  kVersion,
  kLength,
  kReserved,
  kFeatures,  // an unknown feature bit
  kNumNotif,
  kVqNotif,
  kNumElements,
  kElementSize,
  kAreaMissing,  // an offset of 0
  kAreaAlignment,
  kAreaBounds,  // an area outside the region, or in page 0
  kAreaOverlap,
  kExtensionVersion,
  kExtensionLength,
  kExtensionSize,  // the region is said to be larger than the memory mapped
  kPoolAlignment,
};

const char* to_string(LayoutError error);

// Lays out a region: the pages of the device side, those of the driver side, then the
// pool, which takes what is left and has at least one page.
std::expected<Layout, LayoutError> plan_layout(const LayoutPlan& plan);

// Writes page 0 of a region that nobody else uses yet; the magic comes last.
void write_layout(std::span<std::byte> region, const Layout& layout);

// Copies page 0 once and checks the copy. `region` is all the memory that is mapped.
std::expected<Layout, LayoutError> read_layout(std::span<const std::byte> region);

}  // namespace stratos::virtio
