// SPDX-License-Identifier: Apache-2.0

#include "virtio/amp_layout.h"

#include <linux/virtio_msg.h>

#include <array>
#include <atomic>
#include <bit>
#include <optional>

#include "virtio/shared_word.h"
#include "virtio/wire.h"

namespace stratos::virtio {
namespace {

constexpr uint64_t kAlignment = 8;
constexpr uint16_t kStandardLength = sizeof(virtio_msg_amp_layout);
constexpr uint16_t kExtensionLength = sizeof(virtio_msg_stratos_layout);

// The fields of page 0 as they are on the wire.
struct RawLayout {
  uint16_t magic = 0;
  uint16_t length = 0;
  uint16_t version = 0;
  uint16_t features = 0;
  uint8_t num_notif = 0;
  uint8_t vq_notif = 0;
  uint16_t num_elements = 0;
  uint16_t element_size = 0;
  uint16_t reserved = 0;
  uint64_t dev_notif = 0, dev_head = 0, dev_elements = 0;
  uint64_t drv_notif = 0, drv_head = 0, drv_elements = 0;
};

struct RawExtension {
  uint32_t magic = 0;
  uint16_t version = 0;
  uint16_t length = 0;
  uint64_t region_size = 0;
  uint64_t dev_side = 0, drv_side = 0;
  uint64_t dev_private = 0, dev_private_size = 0;
  uint64_t pool = 0, pool_size = 0;
};

template <typename Io, typename Raw>
void layout_fields(Io& io, Raw& raw) {
  io.word(raw.magic);
  io.word(raw.length);
  io.word(raw.version);
  io.word(raw.features);
  io.word(raw.num_notif);
  io.word(raw.vq_notif);
  io.word(raw.num_elements);
  io.word(raw.element_size);
  io.word(raw.reserved);
  io.word(raw.dev_notif);
  io.word(raw.dev_head);
  io.word(raw.dev_elements);
  io.word(raw.drv_notif);
  io.word(raw.drv_head);
  io.word(raw.drv_elements);
}

template <typename Io, typename Raw>
void extension_fields(Io& io, Raw& raw) {
  io.word(raw.magic);
  io.word(raw.version);
  io.word(raw.length);
  io.word(raw.region_size);
  io.word(raw.dev_side);
  io.word(raw.drv_side);
  io.word(raw.dev_private);
  io.word(raw.dev_private_size);
  io.word(raw.pool);
  io.word(raw.pool_size);
}

std::optional<LayoutError> check_numbers(const RawLayout& raw) {
  if (raw.magic != VIRTIO_MSG_AMP_MAGIC) return LayoutError::kMagic;
  if (raw.version != VIRTIO_MSG_AMP_VERSION) return LayoutError::kVersion;
  if (raw.length < kStandardLength || raw.length > kPageSize) return LayoutError::kLength;
  if (raw.reserved != 0) return LayoutError::kReserved;
  if ((raw.features & ~unsigned{VIRTIO_MSG_AMP_F_MASKED}) != 0) return LayoutError::kFeatures;
  if (raw.num_notif < 1 || raw.num_notif > VIRTIO_MSG_AMP_MAX_NOTIF) return LayoutError::kNumNotif;
  if (!std::has_single_bit(raw.vq_notif) || raw.vq_notif > 16) return LayoutError::kVqNotif;
  if (raw.num_elements < 2) return LayoutError::kNumElements;
  if (raw.element_size < VIRTIO_MSG_AMP_MIN_SLOT || raw.element_size % kAlignment != 0) {
    return LayoutError::kElementSize;
  }
  return std::nullopt;
}

std::optional<LayoutError> check_extension(const RawExtension& raw, uint64_t mapped) {
  if (raw.version != VIRTIO_MSG_STRATOS_VERSION) return LayoutError::kExtensionVersion;
  if (raw.length < kExtensionLength) return LayoutError::kExtensionLength;
  if (raw.region_size > mapped) return LayoutError::kExtensionSize;
  if (raw.pool % kPageSize != 0) return LayoutError::kPoolAlignment;
  return std::nullopt;
}

// The areas of a layout; those of the extension come last.
using Areas = std::array<Extent, 10>;
constexpr size_t kStandardAreas = 6;

Areas areas_of(const Layout& layout) {
  return {layout.device.head, layout.device.notif, layout.device.elements,
          layout.driver.head, layout.driver.notif, layout.driver.elements,
          layout.device.side, layout.driver.side,  layout.device_private,
          layout.pool};
}

std::optional<LayoutError> check_areas(const Layout& layout) {
  const Areas all = areas_of(layout);
  const std::span areas(all.data(), layout.extended ? all.size() : kStandardAreas);
  for (const Extent& area : areas) {
    if (area.offset == 0) return LayoutError::kAreaMissing;
    if (area.offset % kAlignment != 0) return LayoutError::kAreaAlignment;
    if (area.offset < kPageSize || area.offset > layout.region_size ||
        area.size > layout.region_size - area.offset) {
      return LayoutError::kAreaBounds;
    }
  }
  for (size_t i = 0; i < areas.size(); ++i) {
    for (size_t j = i + 1; j < areas.size(); ++j) {
      if (areas[i].overlaps(areas[j])) return LayoutError::kAreaOverlap;
    }
  }
  return std::nullopt;
}

// What the numbers of the layout say about the sizes of one side's areas.
SideLayout side_sizes(const Layout& layout) {
  SideLayout side;
  side.head.size = sizeof(virtio_msg_amp_head);
  side.notif.size = sizeof(uint64_t) * layout.num_notif * (layout.masked ? 3u : 2u);
  side.elements.size = uint64_t{layout.num_elements} * layout.element_size;
  side.side.size = layout.extended ? sizeof(virtio_msg_stratos_side) : 0;
  return side;
}

Layout combine(const RawLayout& raw, const RawExtension* extension, uint64_t mapped) {
  Layout layout;
  layout.region_size = extension != nullptr ? extension->region_size : mapped;
  layout.num_notif = raw.num_notif;
  layout.vq_notif = raw.vq_notif;
  layout.num_elements = raw.num_elements;
  layout.element_size = raw.element_size;
  layout.masked = (raw.features & VIRTIO_MSG_AMP_F_MASKED) != 0;
  layout.extended = extension != nullptr;
  layout.device = layout.driver = side_sizes(layout);
  layout.device.notif.offset = raw.dev_notif;
  layout.device.head.offset = raw.dev_head;
  layout.device.elements.offset = raw.dev_elements;
  layout.driver.notif.offset = raw.drv_notif;
  layout.driver.head.offset = raw.drv_head;
  layout.driver.elements.offset = raw.drv_elements;
  if (extension != nullptr) {
    layout.device.side.offset = extension->dev_side;
    layout.driver.side.offset = extension->drv_side;
    layout.device_private = {extension->dev_private, extension->dev_private_size};
    layout.pool = {extension->pool, extension->pool_size};
  }
  return layout;
}

constexpr uint64_t align_up(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

// Gives the areas of one side their places from page `at` on; returns the end.
uint64_t place_side(SideLayout& side, uint64_t at) {
  constexpr uint64_t kCacheLine = 64;
  for (Extent* area : {&side.head, &side.notif, &side.side, &side.elements}) {
    area->offset = at;
    at = align_up(area->end(), kCacheLine);
  }
  return align_up(at, kPageSize);
}

}  // namespace

const char* to_string(LayoutError error) {
  switch (error) {
    case LayoutError::kRegionSize:
      return "region too small";
    case LayoutError::kMagic:
      return "no magic";
    case LayoutError::kVersion:
      return "unknown version";
    case LayoutError::kLength:
      return "bad length";
    case LayoutError::kReserved:
      return "reserved field not zero";
    case LayoutError::kFeatures:
      return "unknown feature";
    case LayoutError::kNumNotif:
      return "bad number of notification words";
    case LayoutError::kVqNotif:
      return "bad number of notification bits";
    case LayoutError::kNumElements:
      return "too few message slots";
    case LayoutError::kElementSize:
      return "bad size of a message slot";
    case LayoutError::kAreaMissing:
      return "an area is missing";
    case LayoutError::kAreaAlignment:
      return "an area is not aligned";
    case LayoutError::kAreaBounds:
      return "an area is not inside the region";
    case LayoutError::kAreaOverlap:
      return "areas overlap";
    case LayoutError::kExtensionVersion:
      return "unknown version of the extension";
    case LayoutError::kExtensionLength:
      return "bad length of the extension";
    case LayoutError::kExtensionSize:
      return "region larger than its memory";
    case LayoutError::kPoolAlignment:
      return "the pool is not aligned";
  }
  return "unknown";
}

std::expected<Layout, LayoutError> plan_layout(const LayoutPlan& plan) {
  RawLayout raw;
  raw.magic = VIRTIO_MSG_AMP_MAGIC;
  raw.length = kStandardLength + kExtensionLength;
  raw.version = VIRTIO_MSG_AMP_VERSION;
  raw.num_notif = plan.num_notif;
  raw.vq_notif = plan.vq_notif;
  raw.num_elements = plan.num_elements;
  raw.element_size = plan.element_size;
  if (const auto error = check_numbers(raw)) return std::unexpected(*error);

  RawExtension extension;
  extension.region_size = plan.region_size;
  Layout layout = combine(raw, &extension, plan.region_size);
  const uint64_t device_end = place_side(layout.device, kPageSize);
  if (plan.private_size > plan.region_size) return std::unexpected(LayoutError::kRegionSize);
  layout.device_private = {device_end, align_up(plan.private_size, kPageSize)};
  const uint64_t pool = place_side(layout.driver, layout.device_private.end());
  if (plan.region_size < kPageSize || pool > plan.region_size - kPageSize) {
    return std::unexpected(LayoutError::kRegionSize);
  }
  layout.pool = {pool, (plan.region_size - pool) / kPageSize * kPageSize};
  return layout;
}

void write_layout(std::span<std::byte> region, const Layout& layout) {
  RawLayout raw;
  raw.length = layout.extended ? kStandardLength + kExtensionLength : kStandardLength;
  raw.version = VIRTIO_MSG_AMP_VERSION;
  raw.features = layout.masked ? VIRTIO_MSG_AMP_F_MASKED : 0;
  raw.num_notif = layout.num_notif;
  raw.vq_notif = layout.vq_notif;
  raw.num_elements = layout.num_elements;
  raw.element_size = layout.element_size;
  raw.dev_notif = layout.device.notif.offset;
  raw.dev_head = layout.device.head.offset;
  raw.dev_elements = layout.device.elements.offset;
  raw.drv_notif = layout.driver.notif.offset;
  raw.drv_head = layout.driver.head.offset;
  raw.drv_elements = layout.driver.elements.offset;
  WireWriter writer(region.first(kPageSize));
  layout_fields(writer, raw);
  if (layout.extended) {
    RawExtension extension{VIRTIO_MSG_STRATOS_MAGIC,
                           VIRTIO_MSG_STRATOS_VERSION,
                           kExtensionLength,
                           layout.region_size,
                           layout.device.side.offset,
                           layout.driver.side.offset,
                           layout.device_private.offset,
                           layout.device_private.size,
                           layout.pool.offset,
                           layout.pool.size};
    extension_fields(writer, extension);
  }
  // Last, and after everything else: who finds the magic may read the rest. Pairs with
  // the acquire in read_layout().
  SharedWord16(region.data()).store(VIRTIO_MSG_AMP_MAGIC, std::memory_order_release);
}

std::expected<Layout, LayoutError> read_layout(std::span<const std::byte> region) {
  if (region.size() <= kPageSize) return std::unexpected(LayoutError::kRegionSize);
  std::array<std::byte, kStandardLength + kExtensionLength> copy{};
  // Pairs with the release in write_layout().
  if (SharedWord16(const_cast<std::byte*>(region.data())).load(std::memory_order_acquire) !=
      VIRTIO_MSG_AMP_MAGIC) {
    return std::unexpected(LayoutError::kMagic);
  }
  std::memcpy(copy.data(), region.data(), copy.size());

  WireReader reader(copy);
  RawLayout raw;
  layout_fields(reader, raw);
  if (const auto error = check_numbers(raw)) return std::unexpected(*error);
  RawExtension extension;
  extension_fields(reader, extension);
  const bool extended = raw.length >= copy.size() && extension.magic == VIRTIO_MSG_STRATOS_MAGIC;
  if (extended) {
    if (const auto error = check_extension(extension, region.size())) {
      return std::unexpected(*error);
    }
  }
  const Layout layout = combine(raw, extended ? &extension : nullptr, region.size());
  if (const auto error = check_areas(layout)) return std::unexpected(*error);
  return layout;
}

}  // namespace stratos::virtio
