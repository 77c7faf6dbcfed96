// SPDX-License-Identifier: Apache-2.0
// A vhost-user front-end, message by message: as good or as bad as a test wants it.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "driver_memory.h"
#include "driver_queue.h"
#include "links/vhost_user/message_stream.h"
#include "links/vhost_user/messages.h"
#include "runtime/event_fd.h"
#include "runtime/fd_watch.h"
#include "runtime/loop.h"
#include "runtime/mapping.h"
#include "runtime/unique_fd.h"
#include "virtio/limits.h"

namespace stratos::links::vhost_user {

using Bytes = std::vector<std::byte>;

template <typename Value>
requires std::is_trivially_copyable_v<Value> Bytes bytes_of(const Value& value) {
  Bytes bytes(sizeof(value));
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}
inline Bytes word(uint64_t value) { return bytes_of(value); }
inline Bytes state(uint32_t index, uint32_t value) { return bytes_of(std::array{index, value}); }
inline uint64_t word_of(const Bytes& bytes) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof(value)));
  return value;
}

struct Reply {
  Header header;
  Bytes payload;
  runtime::UniqueFd fd;
};

// Memory of a guest, as a front-end has it.
class GuestMemory {
 public:
  static constexpr uint64_t kUserOffset = 0x7f00'0000'0000;

  // The first byte has guest address `guest`.
  explicit GuestMemory(size_t size, uint64_t guest = 0, unsigned seals = 0);

  MemoryRegion region() const { return region_; }
  int fd() const { return fd_.get(); }
  test::DriverMemory& driver() { return *driver_; }

 private:
  runtime::UniqueFd fd_;
  runtime::Mapping mapping_;
  MemoryRegion region_;
  std::unique_ptr<test::DriverMemory> driver_;
};

// How a front-end drives a ring.
struct FrontRing {
  std::unique_ptr<test::DriverQueue> queue;
  std::optional<runtime::EventFd> kick;
  std::optional<runtime::EventFd> call;
  std::optional<runtime::EventFd> error;
  std::unique_ptr<runtime::FdWatch> call_watch;  // wakes whoever turns the loop
};

class FrontEnd {
 public:
  // Connects; `loop` is that of the back-end, and turns while something is waited for.
  FrontEnd(runtime::Loop& loop, const std::string& path);
  // Has a connection already.
  FrontEnd(runtime::Loop& loop, runtime::UniqueFd socket);

  // ---- Messages ----
  void send(Request request, const Bytes& payload = {}, const std::vector<int>& fds = {},
            bool need_reply = false);
  // Raw bytes.
  void write(const Bytes& bytes);
  // The next reply; nullopt if the back-end hung up or says nothing.
  std::optional<Reply> receive();
  std::optional<Reply> ask(Request request, const Bytes& payload = {},
                           const std::vector<int>& fds = {});
  uint64_t ask_word(Request request) { return word_of(ask(request).value().payload); }
  // Sends with need_reply; whether it was acknowledged. nullopt if it hung up.
  std::optional<bool> acknowledged(Request request, const Bytes& payload = {},
                                   const std::vector<int>& fds = {});
  // Whether the back-end hung up.
  bool hung_up();
  // The back-end has seen everything.
  void settle() { ask_word(Request::kGetFeatures); }
  runtime::Loop& loop() { return loop_; }

  // ---- What every front-end does ----
  // Takes all of `features` and `protocol` that are offered.
  void negotiate(uint64_t features, uint64_t protocol);
  uint64_t features() const { return features_; }
  uint64_t protocol() const { return protocol_; }
  bool has(ProtocolFeature feature) const { return (protocol_ & bit_of(feature)) != 0; }
  void share(GuestMemory& memory);
  // A queue of the driver in the memory shared last.
  void make_ring(uint16_t index, uint16_t size = 64);
  // Takes a queue that another front-end has left.
  void take_ring(uint16_t index, std::unique_ptr<test::DriverQueue> queue);
  // Number, base, addresses and bells; not the enabling.
  void describe_ring(uint16_t index, uint32_t base);
  void enable_ring(uint16_t index, bool enable = true) {
    send(Request::kSetVringEnable, state(index, enable ? 1 : 0));
  }
  VringAddress address_of(uint16_t index) const;
  // GET_VRING_BASE
  uint32_t stop_ring(uint16_t index);
  void set_status(uint32_t status) { send(Request::kSetStatus, word(status)); }
  FrontRing& ring(uint16_t index) { return rings_[index]; }
  std::unique_ptr<test::DriverQueue> leave_ring(uint16_t index);
  uint32_t first_base() const;
  // Where the driver's ring says that a back-end stopped (split).
  uint32_t used_base(uint16_t index) const;
  // GET_INFLIGHT_FD: memory that outlives the connection, for set_inflight().
  Reply get_inflight(uint16_t queues);
  void set_inflight(const Reply& inflight);

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
  runtime::Loop& loop_;
  runtime::UniqueFd socket_;
  uint64_t features_ = 0;
  uint64_t protocol_ = 0;
  GuestMemory* memory_ = nullptr;
  std::array<FrontRing, virtio::kMaxQueues> rings_;
  std::array<uint64_t, 64> buffers_{};
  size_t next_buffer_ = 0;
  runtime::FdWatch watch_;  // wakes whoever turns the loop
};

}  // namespace stratos::links::vhost_user
