// SPDX-License-Identifier: Apache-2.0
// One ring as a front-end described it, with its doorbells.

#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>

#include "links/vhost_user/memory_table.h"
#include "links/vhost_user/messages.h"
#include "runtime/event_fd.h"
#include "runtime/loop.h"
#include "runtime/unique_fd.h"
#include "virtio/queue_types.h"

namespace stratos::links::vhost_user {

class Vring {
 public:
  // Bells: an invalid `fd` is one that the front-end does not give, because it kicks and is
  // called in band. The error is one line.
  using Result = std::expected<void, std::string>;
  // `on_kick` runs in each turn in which the front-end kicked, also while the ring does not
  // run: whoever starts it looks into it anyway.
  Result set_kick(runtime::Loop& loop, runtime::UniqueFd fd, std::function<void()> on_kick);
  Result set_call(runtime::Loop& loop, runtime::UniqueFd fd);
  Result set_error(runtime::Loop& loop, runtime::UniqueFd fd);
  // False if there is no such bell.
  bool call();
  bool signal_error();

  void set_size(uint16_t entries) { size_ = entries; }
  void set_address(const VringAddress& address) { address_ = address; }
  void set_position(virtio::QueuePosition position) { position_ = position; }
  virtio::QueuePosition position() const { return position_; }
  void enable(bool enabled) { enabled_ = enabled; }
  // Kicks count from here on.
  void start() { started_ = true; }
  // GET_VRING_BASE: the front-end gives new bells before the ring starts again.
  void stop();
  // Nothing of it is known any more.
  void reset();

  bool started() const { return started_; }
  // Whether the device is to serve it.
  bool wanted() const { return started_ && enabled_ && size_ != 0 && address_.has_value(); }
  // Where it lies; nullopt if that is not in the memory.
  std::optional<virtio::QueueSetup> setup(const MemoryTable& memory) const;

 private:
  uint16_t size_ = 0;
  std::optional<VringAddress> address_;
  virtio::QueuePosition position_;
  bool started_ = false;
  bool enabled_ = false;
  std::optional<runtime::EventFd> kick_;
  std::optional<runtime::EventFdWatch> watch_;
  std::optional<runtime::EventFdRinger> call_;
  std::optional<runtime::EventFdRinger> error_;
};

}  // namespace stratos::links::vhost_user
