// SPDX-License-Identifier: Apache-2.0
// Page 0 of a region, as a hostile creator writes it.
#include "input.h"
#include "virtio/amp_layout.h"

namespace stratos::fuzz {
namespace {

using virtio::Extent;

void check(const virtio::Layout& layout, size_t mapped) {
  require(layout.region_size <= mapped);
  const Extent extents[] = {
      layout.device.head,    layout.device.notif, layout.device.elements, layout.device.side,
      layout.driver.head,    layout.driver.notif, layout.driver.elements, layout.driver.side,
      layout.device_private, layout.pool};
  for (const Extent& one : extents) {
    if (one.size == 0) continue;
    require(one.offset >= virtio::kPageSize && one.offset % 8 == 0);
    require(one.end() >= one.offset && one.end() <= layout.region_size);
    for (const Extent& other : extents) {
      if (&one != &other && other.size != 0) require(!one.overlaps(other));
    }
  }
}

void run(Input& input) {
  std::vector<std::byte> region(1 << 20);
  if (input.chance()) {
    const auto plan = virtio::plan_layout({.region_size = region.size(),
                                           .num_notif = input.any<uint8_t>(),
                                           .vq_notif = input.any<uint8_t>(),
                                           .num_elements = input.any<uint16_t>(),
                                           .element_size = input.any<uint16_t>(),
                                           .private_size = input.any<uint32_t>()});
    if (plan) {
      check(*plan, region.size());
      virtio::write_layout(region, *plan);
      require(virtio::read_layout(region).has_value());
    }
  }
  while (input.more()) input.scribble(std::span(region).first(256), 16);
  const size_t mapped = input.chance() ? region.size() : 65536;
  if (const auto layout = virtio::read_layout(std::span(region).first(mapped))) {
    check(*layout, mapped);
  }
}

}  // namespace
}  // namespace stratos::fuzz

STRATOS_FUZZER(stratos::fuzz::run)
