// SPDX-License-Identifier: Apache-2.0
// What a link stands on: memory shared with one driver side and two doorbells. How
// it came to be (the hub's socket, a UIO device) is the business of who made it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "runtime/loop.h"
#include "virtio/msg_link.h"

namespace stratos::links {

class Attachment : public virtio::Doorbell {
 public:
  virtual ~Attachment() = default;

  // The whole region; mapped as long as the attachment lives.
  virtual std::span<std::byte> region() const = 0;
  // What the driver side writes to its doorbell register to reach us.
  virtual uint32_t doorbell() const = 0;
  // From now on `callback` runs in each turn in which the driver side rang, and at
  // once if it rang before. Before any ring().
  virtual void listen(runtime::Loop& loop, std::function<void()> callback) = 0;
};

}  // namespace stratos::links
