// SPDX-License-Identifier: Apache-2.0
#include "ring.h"

#include <exception>
#include <memory>

#include "driver_memory.h"
#include "driver_queue.h"
#include "virtio/queue.h"

namespace stratos::fuzz {
namespace {

using virtio::Chain;
using virtio::PopResult;

constexpr size_t kMemorySize = 64 << 10;
constexpr uint64_t kBase = 0x1000;
constexpr uint16_t kSizes[] = {1, 2, 4, 5, 8, 16};
constexpr size_t kMaxSteps = 200;

class Ring {
 public:
  Ring(bool packed, Input& input)
      : input_(input),
        // An allocation of exactly this size, so that ASan sees each byte beyond it.
        bytes_(std::make_unique<std::byte[]>(kMemorySize)),
        memory_({bytes_.get(), kMemorySize}, kBase) {
    uint16_t size = kSizes[input_.up_to<size_t>(std::size(kSizes) - 1)];
    if (!packed && size == 5) size = 8;
    driver_ = test::DriverQueue::make(memory_, {.size = size,
                                                .packed = packed,
                                                .event_idx = input_.chance(),
                                                .indirect = input_.chance()});
    setup_ = driver_->setup();
    if (input_.up_to(15) == 0) break_setup();
    record_.resize(virtio::InflightTable::bytes(size, packed) / sizeof(uint64_t));
    start(false);
  }

  void run() {
    for (size_t step = 0; step < kMaxSteps && input_.more(); ++step) {
      switch (input_.up_to(9)) {
        case 0:
          input_.scribble(memory_.bytes(), 32);
          break;
        case 1:
          input_.scribble(memory_.bytes().first(1024), 16);  // where the ring lies
          break;
        case 2:
        case 3:
          add();
          break;
        case 4:
        case 5:
          pop();
          break;
        case 6:
          push();
          break;
        case 7:
          queue_.publish();
          queue_.should_notify();
          break;
        case 8:
          notifications();
          break;
        case 9:
          die();
          break;
      }
    }
  }

 private:
  void start(bool resume) {
    held_.clear();
    const virtio::InflightTable table(std::as_writable_bytes(std::span(record_)));
    const virtio::Memory memory = memory_.memory();
    if (resume) {
      queue_.resume(memory, setup_, table);
    } else {
      queue_.start(memory, setup_, table);
    }
  }

  void break_setup() {
    setup_.size = input_.any<uint16_t>();
    for (uint64_t* area : {&setup_.desc, &setup_.driver, &setup_.device}) {
      if (input_.chance()) *area = input_.any<uint64_t>();
    }
  }

  // As a good driver does, so that the bad bytes meet something.
  void add() {
    std::vector<test::Buffer> buffers;
    for (uint32_t i = input_.up_to(3) + 1; i > 0; --i) {
      const uint32_t size = input_.up_to(64) + 1;
      buffers.push_back({kBase + input_.up_to<uint64_t>(kMemorySize - 65), size});
    }
    const size_t readable = input_.up_to<size_t>(buffers.size());
    const std::span all(buffers);
    if (setup_.size != driver_->setup().size) return;
    try {
      while (driver_->get_used()) {
      }
      driver_->add(all.first(readable), all.subspan(readable), setup_.indirect && input_.chance());
      driver_->publish();
    } catch (const std::exception&) {
      // No more room for indirect tables, or what was scribbled confuses the good driver.
    }
  }

  void pop() {
    Chain chain;
    if (queue_.pop(chain) != PopResult::kChain) return;
    require(chain.id() < setup_.size && held_.size() < setup_.size);
    for (const Chain& other : held_) require(other.id() != chain.id());
    std::byte sum{};
    for (const virtio::Segment& segment : chain.readable()) {
      for (const std::byte byte : std::span(segment.data, segment.size)) sum ^= byte;
    }
    const std::vector<std::byte> filler(16, sum);
    for (const virtio::Segment& segment : chain.writable()) require(segment.size > 0);
    chain.write(chain.writable_size() / 2, filler);
    held_.push_back(chain);
    if (input_.up_to(7) != 0) return;
    queue_.unpop(held_.back());
    held_.pop_back();
  }

  void push() {
    if (held_.empty()) return;
    const auto which = held_.begin() + static_cast<ptrdiff_t>(input_.up_to(held_.size() - 1));
    queue_.push(*which, input_.any<uint32_t>());
    if (input_.up_to(7) == 0) queue_.push(*which, 1);  // a device that is wrong about it
    held_.erase(which);
  }

  void notifications() {
    if (input_.chance()) {
      queue_.disable_notifications();
    } else {
      queue_.enable_notifications();
    }
  }

  // The process dies; the peer may have changed the record before the successor reads it.
  void die() {
    const auto record = std::as_writable_bytes(std::span(record_));
    while (input_.chance() && input_.more()) input_.scribble(record, 8);
    start(true);
  }

  Input& input_;
  std::unique_ptr<std::byte[]> bytes_;
  test::DriverMemory memory_;
  std::unique_ptr<test::DriverQueue> driver_;
  virtio::QueueSetup setup_;
  std::vector<uint64_t> record_;
  virtio::Queue queue_;
  std::vector<Chain> held_;
};

}  // namespace

void fuzz_ring(bool packed, Input& input) { Ring(packed, input).run(); }

}  // namespace stratos::fuzz
