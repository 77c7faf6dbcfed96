// SPDX-License-Identifier: Apache-2.0
// A vhost-user front-end, message by message: as good or as bad as a test wants it.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "driver_queue.h"
#include "guest_memory.h"
#include "links/vhost_user/messages.h"
#include "runtime/fd_watch.h"
#include "runtime/loop.h"
#include "runtime/unique_fd.h"
#include "vhost_user_session.h"
#include "virtio/limits.h"

namespace stratos::links::vhost_user {

using Bytes = std::vector<std::byte>;
using Reply = test::VhostUserChannel::Reply;
using Region = test::vhost_user::MemoryRegion;
using test::GuestMemory;

// To GET_INFLIGHT_FD, as QEMU pads it.
inline constexpr size_t kInflightPadding = 4;

template <typename Value>
requires std::is_trivially_copyable_v<Value> Bytes bytes_of(const Value& value) {
  Bytes bytes(sizeof(value));
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}
inline Bytes word(uint64_t value) { return bytes_of(value); }
inline Bytes state(uint32_t index, uint32_t value) { return bytes_of(std::array{index, value}); }
inline Bytes slot(const Region& region) {
  return bytes_of(test::vhost_user::MemorySlot{.padding = 0, .region = region});
}
inline uint64_t word_of(const Bytes& bytes) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof(value)));
  return value;
}

class FrontEnd : public test::VhostUserSession {
 public:
  // Connects; `loop` is that of the back-end, and turns while something is waited for.
  FrontEnd(runtime::Loop& loop, const std::string& path);
  // Has a connection already.
  FrontEnd(runtime::Loop& loop, runtime::UniqueFd socket);

  // ---- Messages ----
  // Also to a back-end that has hung up.
  void send(Request request, const Bytes& payload = {}, const std::vector<int>& fds = {},
            bool need_reply = false);
  // Raw bytes.
  void write(const Bytes& bytes);
  // The next reply; nullopt if the back-end hung up or says nothing.
  std::optional<Reply> receive() { return channel().receive(); }
  Reply ask(Request request, const Bytes& payload = {}, const std::vector<int>& fds = {});
  uint64_t ask_word(Request request) { return word_of(ask(request).payload); }
  // Sends with need_reply; whether the back-end did it.
  bool acknowledged(Request request, const Bytes& payload = {}, const std::vector<int>& fds = {});
  bool hung_up() { return channel().hung_up(); }
  // The back-end has seen everything.
  void settle() { ask_word(Request::kGetFeatures); }

  // ---- What every front-end does ----
  void negotiate(uint64_t features, uint64_t protocol);
  // Number, base, addresses and new bells; not the enabling.
  void describe_ring(uint16_t index, uint32_t base);
  uint32_t first_base() const;

  // From nothing to two rings that run.
  void come_up(GuestMemory& memory, uint64_t features, uint64_t protocol);
  // All rings that there are, from `base` on.
  void start_rings(const std::vector<uint32_t>& bases);

  // Sends `text` through queue 0 of an EchoDevice and returns what came back.
  std::optional<std::string> echo(const std::string& text);
  // Only the first half of it: the id of the chain.
  uint16_t submit(const std::string& text);
  std::optional<test::Used> wait_used(uint16_t index);
  // The next used chain; if there is none, the back-end is asked to call for it.
  std::optional<test::Used> take_used(uint16_t index);

 private:
  FrontEnd(runtime::Loop& loop, test::VhostUserChannel channel);

  runtime::Loop& loop_;
  std::array<uint64_t, 64> buffers_{};
  size_t next_buffer_ = 0;
  // Wake whoever turns the loop.
  runtime::FdWatch watch_;
  std::array<std::unique_ptr<runtime::FdWatch>, virtio::kMaxQueues> call_watches_;
};

}  // namespace stratos::links::vhost_user
