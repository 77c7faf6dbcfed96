// SPDX-License-Identifier: Apache-2.0
// What concerns rings and memory.

#include <fmt/format.h>

#include <utility>

#include "links/vhost_user/session.h"

namespace stratos::links::vhost_user {
namespace {

constexpr uint32_t kWrapBit = 1U << 15;

// A split ring has an index, a packed one a slot and its wrap counter; the upper half
// would say what was used, which is the same while a ring stands still.
virtio::QueuePosition decode_position(uint32_t value, bool packed) {
  if (!packed) return {.next = static_cast<uint16_t>(value)};
  return {.next = static_cast<uint16_t>(value & (kWrapBit - 1)), .wrap = (value & kWrapBit) != 0};
}

uint32_t encode_position(virtio::QueuePosition position, bool packed) {
  if (!packed) return position.next;
  const uint32_t half = position.next | (position.wrap ? kWrapBit : 0);
  return half << 16 | half;
}

bool is_packed(const std::optional<uint64_t>& features) {
  return features && (*features & virtio::kFeatureRingPacked) != 0;
}

}  // namespace

// Whether the device has to stand still for a message: it changes what runs.
bool Session::needs_quiet(const Message& message) const {
  if (!check_shape(message, shape_of(message.header.request))) return false;
  const auto index = static_cast<uint16_t>(decode_vring_state(message.payload()).index);
  const bool running = index < ring_count_ && device_.running(index);
  switch (static_cast<Request>(message.header.request)) {
    case Request::kSetMemTable:
    case Request::kAddMemReg:
    case Request::kRemMemReg:
    case Request::kSetInflightFd:
    case Request::kResetOwner:
    case Request::kResetDevice:
    case Request::kSetDeviceStateFd:
      return true;
    case Request::kSetStatus:
      return (decode_word(message.payload()) & virtio::kStatusDriverOk) == 0;
    case Request::kSetVringNum:
    case Request::kSetVringAddr:
    case Request::kSetVringBase:
    case Request::kGetVringBase:
      return running;
    case Request::kSetVringEnable:
      return running && decode_vring_state(message.payload()).value == 0;
    default:
      return false;
  }
}

Session::Result Session::handle_vring(Message& message) {
  if (request_ == Request::kSetVringKick || request_ == Request::kSetVringCall ||
      request_ == Request::kSetVringErr) {
    return set_vring_bell(request_, message);
  }
  const auto [index, value] = decode_vring_state(message.payload());
  if (index >= ring_count_) return end(fmt::format("ring {} does not exist", index)), Result();
  Vring& ring = rings_[index];
  const auto number = static_cast<uint16_t>(index);
  switch (request_) {
    case Request::kSetVringNum:
      if (value == 0 || value > device_.instance().max_queue_size(number)) {
        return std::unexpected(fmt::format("{} entries for ring {}", value, index));
      }
      ring.set_size(static_cast<uint16_t>(value));
      return {};
    case Request::kSetVringAddr:
      ring.set_address(decode_vring_address(message.payload()));
      if (!memory_.empty() && !ring.setup(memory_)) {
        return std::unexpected(fmt::format("ring {} is not in the memory", index));
      }
      return {};
    case Request::kSetVringBase:
      ring.set_position(decode_position(value, is_packed(features_)));
      return {};
    case Request::kGetVringBase:
      return get_vring_base(number);
    case Request::kSetVringEnable:
      if (value > 1) return std::unexpected(fmt::format("{} for ring {}", value, index));
      ring.enable(value == 1);
      return {};
    case Request::kVringKick:
      ring.start();
      kick(number);
      return {};
    default:
      return std::unexpected("is not served");
  }
}

Session::Result Session::get_vring_base(uint16_t index) {
  Vring& ring = rings_[index];
  if (const auto position = device_.take_position(index)) ring.set_position(*position);
  ring.stop();
  bool any = false;
  for (uint16_t i = 0; i < ring_count_; ++i) any = any || rings_[i].started();
  // The only way to tell of a reset that a front-end without STATUS has.
  if (!any && device_.broken()) device_.reset();
  std::array<std::byte, sizeof(VringState)> answer{};
  encode_vring_state(
      answer, {.index = index, .value = encode_position(ring.position(), is_packed(features_))});
  reply(answer);
  return {};
}

Session::Result Session::set_vring_bell(Request request, Message& message) {
  const auto [index, no_fd] = decode_vring_fd(message.payload());
  if (index >= ring_count_) return end(fmt::format("ring {} does not exist", index)), Result();
  if (message.fds.size() != (no_fd ? 0 : 1)) return end("a bell without descriptor"), Result();
  Vring& ring = rings_[index];
  runtime::UniqueFd fd;
  if (!no_fd) fd = std::move(message.fds[0]);
  if (request == Request::kSetVringCall) return ring.set_call(loop_, std::move(fd));
  if (request == Request::kSetVringErr) return ring.set_error(loop_, std::move(fd));
  if (no_fd && !negotiated(ProtocolFeature::kInbandNotifications)) {
    return std::unexpected(fmt::format("ring {} would have to be polled", index));
  }
  const auto number = static_cast<uint16_t>(index);
  auto done = ring.set_kick(loop_, std::move(fd), [this, number] { kick(number); });
  if (!done) return done;
  ring.start();
  // The bell that this one replaces may have been rung.
  kick(number);
  return {};
}

void Session::reset_rings() {
  for (Vring& ring : rings_) {
    ring.reset();
    ring.enable(rings_enabled_);
  }
}

// ---- Memory ----

Session::Result Session::handle_memory(Message& message) {
  switch (request_) {
    case Request::kSetMemTable:
      return set_mem_table(message);
    case Request::kGetMaxMemSlots:
      return reply_word(MemoryTable::kMaxSlots), Result();
    case Request::kAddMemReg:
      return add_region(decode_memory_region(message.payload()), message);
    default:
      break;
  }
  if (memory_.remove(decode_memory_region(message.payload()))) return {};
  return std::unexpected("there is no such region");
}

Session::Result Session::set_mem_table(Message& message) {
  const auto table = decode_memory_regions(message.payload());
  if (!table || table->count != message.fds.size()) {
    return end("a memory table that is not as long as it says"), Result();
  }
  memory_.clear();
  for (uint32_t i = 0; i < table->count; ++i) {
    if (auto added = memory_.add(table->regions[i], message.fds[i]); !added) {
      memory_.clear();
      return added;
    }
  }
  return {};
}

Session::Result Session::add_region(const MemoryRegion& region, Message& message) {
  if (message.fds.size() != 1) return std::unexpected("no descriptor");
  return memory_.add(region, message.fds[0]);
}

}  // namespace stratos::links::vhost_user
