// SPDX-License-Identifier: Apache-2.0
// The smallest request of each device that the bench knows how to use.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace stratos::bench {

struct Request {
  uint16_t queue = 0;
  std::vector<std::byte> out;      // one descriptor that the device reads
  std::vector<uint32_t> in_sizes;  // of the descriptors that it writes, and fills
  // Whether the device did what it was asked for, by what it wrote.
  bool (*accepts)(std::span<const std::byte> in) = nullptr;

  uint32_t in_size() const;
  unsigned descriptors() const { return 1 + static_cast<unsigned>(in_sizes.size()); }
};

struct DeviceLoad {
  uint32_t device_id = 0;
  const char* name = "";
  uint16_t queues = 1;
  uint16_t queue_size = 0;  // of each
  Request request;
  std::optional<Request> preparation;  // once, before the first request

  // How many requests the queue has room for.
  unsigned max_depth() const { return queue_size / request.descriptors(); }
};

// nullptr if the bench knows no request of such a device.
const DeviceLoad* load_of(uint32_t device_id);
// "block (2), ...", for who asked for another one.
const std::vector<DeviceLoad>& known_loads();

}  // namespace stratos::bench
