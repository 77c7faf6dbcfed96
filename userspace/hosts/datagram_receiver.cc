// SPDX-License-Identifier: Apache-2.0
#include "hosts/datagram_receiver.h"

#include <liburing.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <numeric>
#include <utility>

#include "runtime/timer.h"

namespace stratos::hosts {
namespace {

constexpr uint16_t kBuffers = 256;
// The kernel puts its own header and the control message in front of the datagram.
constexpr size_t kControlSize = CMSG_SPACE(sizeof(uint32_t));
constexpr size_t kBufferSize = 128;
static_assert(sizeof(io_uring_recvmsg_out) + kControlSize + DatagramReceiver::kMaxDatagram <=
              kBufferSize);
// More than any socket holds: an end for the loop that empties one.
constexpr uint32_t kMostInSocket = 1 << 17;
// An error that does not go away must not keep the loop busy.
constexpr auto kPauseAfterError = std::chrono::milliseconds(10);

// Pools are known to the ring by number; none is used twice in a process.
uint16_t next_pool() {
  static std::atomic<uint16_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);  // only has to be unique
}

// Shared with the requests that the kernel may still be busy with.
struct Pool {
  explicit Pool(uint16_t pool_number) : number(pool_number) {}
  const uint16_t number;
  alignas(64) std::array<std::byte, kBuffers * kBufferSize> memory{};
};

}  // namespace

struct DatagramReceiver::State final : runtime::OwnedOperation {
  // Gives buffers back to the pool.
  struct Refill final : runtime::OwnedOperation {
    explicit Refill(State& receiver) : state(receiver), pool(receiver.pool) {}
    void on_complete(int32_t result, uint32_t /*flags*/) override {
      if (result < 0) state.events.on_error(-result);
    }
    State& state;
    std::shared_ptr<Pool> pool;
  };

  State(runtime::Loop& owning_loop, int socket, Events receiver_events)
      : loop(owning_loop),
        fd(socket),
        events(std::move(receiver_events)),
        pool(std::make_shared<Pool>(next_pool())),
        refill(std::make_unique<Refill>(*this)),
        later(std::make_unique<runtime::Timer>(loop, [this] { go_on(); })) {
    message.msg_controllen = kControlSize;
    std::iota(unused.begin(), unused.end(), uint16_t{0});
  }

  // A datagram in a buffer of the pool.
  struct Kept {
    uint16_t buffer = 0;
    std::span<const std::byte> bytes;
  };

  void arm();
  void go_on();
  void give_back();
  void recycle(uint16_t buffer);
  void on_complete(int32_t result, uint32_t flags) override;
  bool take(uint16_t buffer, size_t size);
  void note_drops(io_uring_recvmsg_out* out);
  void report_kept();
  void forget_kept();
  void empty_socket();

  runtime::Loop& loop;
  const int fd;
  const Events events;
  std::shared_ptr<Pool> pool;
  std::unique_ptr<Refill> refill;
  msghdr message{};
  std::array<uint16_t, kBuffers> unused;  // a ring of buffers that the pool lacks
  uint32_t first_unused = 0;
  uint32_t unused_count = kBuffers;
  std::array<Kept, kBuffers> kept;  // a ring of datagrams that wait for resume()
  uint32_t first_kept = 0;
  uint32_t kept_count = 0;
  bool held = false;
  bool discarding = false;  // until the present receive has ended
  uint32_t last_drops = 0;  // as the kernel counts, modulo 2^32
  uint64_t drops = 0;
  std::unique_ptr<runtime::Timer> later;
};

void DatagramReceiver::State::arm() {
  if (pending() || kept_count == kBuffers) return;
  give_back();
  io_uring_sqe* entry = loop.prepare(*this);
  io_uring_prep_recvmsg_multishot(entry, fd, &message, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = pool->number;
}

// One request gives back one run of neighbours; they nearly always are neighbours,
// because the pool hands buffers out in the order in which it got them.
void DatagramReceiver::State::give_back() {
  if (refill->pending() || unused_count == 0) return;
  const uint32_t first = unused[first_unused];
  uint32_t run = 0;
  while (run < unused_count && unused[(first_unused + run) % kBuffers] == first + run) ++run;
  io_uring_prep_provide_buffers(loop.prepare(*refill), &pool->memory[first * kBufferSize],
                                static_cast<int>(kBufferSize), static_cast<int>(run), pool->number,
                                static_cast<int>(first));
  first_unused = (first_unused + run) % kBuffers;
  unused_count -= run;
}

void DatagramReceiver::State::recycle(uint16_t buffer) {
  unused[(first_unused + unused_count) % kBuffers] = buffer;
  ++unused_count;
  if (unused_count >= kBuffers / 4) give_back();
}

void DatagramReceiver::State::on_complete(int32_t result, uint32_t flags) {
  if ((flags & IORING_CQE_F_BUFFER) != 0) {
    const auto buffer = static_cast<uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
    if (!take(buffer, result > 0 ? static_cast<size_t>(result) : 0)) recycle(buffer);
  }
  if ((flags & IORING_CQE_F_MORE) != 0) return;
  // The receive ended: without buffers, or by discard(), it goes on at once, with an error
  // a little later.
  const bool discarded = std::exchange(discarding, false);
  if (result >= 0 || result == -ENOBUFS || (discarded && result == -ECANCELED)) return arm();
  later->start_once(kPauseAfterError);
  if (result != -ECANCELED && result != -EAGAIN && result != -EINTR) events.on_error(-result);
}

// Whether the datagram in `buffer` was kept there.
bool DatagramReceiver::State::take(uint16_t buffer, size_t size) {
  std::byte* const memory = &pool->memory[buffer * kBufferSize];
  io_uring_recvmsg_out* out =
      io_uring_recvmsg_validate(memory, static_cast<int>(std::min(size, kBufferSize)), &message);
  if (!out || (out->flags & MSG_TRUNC) != 0) return false;
  note_drops(out);
  const std::span bytes(static_cast<const std::byte*>(io_uring_recvmsg_payload(out, &message)),
                        std::min<size_t>(out->payloadlen, kMaxDatagram));
  const bool confirm = (out->flags & MSG_CONFIRM) != 0;
  if (!confirm && discarding) return false;
  if (!confirm && (held || kept_count > 0)) {
    kept[(first_kept + kept_count++) % kBuffers] = {.buffer = buffer, .bytes = bytes};
    return true;
  }
  events.on_datagram({.bytes = bytes, .confirm = confirm});
  return false;
}

void DatagramReceiver::State::go_on() {
  report_kept();
  arm();
}

void DatagramReceiver::State::report_kept() {
  while (kept_count > 0 && !held) {
    const Kept next = kept[first_kept];
    first_kept = (first_kept + 1) % kBuffers;
    --kept_count;
    events.on_datagram({.bytes = next.bytes, .confirm = false});
    recycle(next.buffer);
  }
}

void DatagramReceiver::State::forget_kept() {
  for (; kept_count > 0; --kept_count) {
    recycle(kept[first_kept].buffer);
    first_kept = (first_kept + 1) % kBuffers;
  }
}

void DatagramReceiver::State::empty_socket() {
  for (uint32_t i = 0; i < kMostInSocket; ++i) {
    std::array<std::byte, kMaxDatagram> bytes;
    iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    const ssize_t size = recvmsg(fd, &header, MSG_DONTWAIT);
    if (size < 0) return;
    if ((header.msg_flags & MSG_CONFIRM) == 0) continue;
    events.on_datagram(
        {.bytes = std::span(bytes).first(static_cast<size_t>(size)), .confirm = true});
  }
}

void DatagramReceiver::State::note_drops(io_uring_recvmsg_out* out) {
  for (cmsghdr* part = io_uring_recvmsg_cmsg_firsthdr(out, &message); part != nullptr;
       part = io_uring_recvmsg_cmsg_nexthdr(out, &message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SO_RXQ_OVFL) continue;
    uint32_t count = 0;
    std::memcpy(&count, CMSG_DATA(part), sizeof(count));
    drops += count - last_drops;
    last_drops = count;
  }
}

DatagramReceiver::DatagramReceiver(runtime::Loop& loop, int fd, Events events)
    : loop_(loop), state_(std::make_unique<State>(loop, fd, std::move(events))) {
  state_->arm();
}

DatagramReceiver::~DatagramReceiver() {
  // The loop may outlive us and must find nothing in the state that needs the loop.
  state_->later.reset();
  loop_.retire(std::move(state_->refill));
  loop_.retire(std::move(state_));
}

void DatagramReceiver::hold() { state_->held = true; }

void DatagramReceiver::resume() {
  state_->held = false;
  if (state_->kept_count > 0) state_->later->start_once(std::chrono::nanoseconds{0});
}

void DatagramReceiver::discard() {
  state_->held = false;
  state_->forget_kept();
  state_->empty_socket();
  // What was received already, and not yet reported to us, comes before the end.
  state_->discarding = state_->pending();
  if (state_->discarding) return loop_.cancel(*state_);
  state_->arm();
}

uint64_t DatagramReceiver::kernel_drops() const { return state_->drops; }

}  // namespace stratos::hosts
