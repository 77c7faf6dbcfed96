// SPDX-License-Identifier: Apache-2.0

#include "ring_sides.h"

#include <array>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "access.h"
#include "driver_queue.h"
#include "mix.h"
#include "virtio/queue.h"

namespace stratos::model {
namespace {

using test::Buffer;
using test::DriverMemory;
using test::DriverQueue;
using test::Used;
using virtio::Chain;
using virtio::PopResult;
using virtio::Queue;
using virtio::QueueError;

// Nobody touches the buffers, so they may all lie at one place, behind the queues.
constexpr uint64_t kBuffers = 1024;

// Request `number` counts from 1; its last segment, which the device writes, is that long.
uint32_t length_of(unsigned number) { return number; }

class Driver {
 public:
  Driver(Run& run, const Workload& workload)
      : run_(run),
        workload_(workload),
        memory_(region(), 0),
        queue_(DriverQueue::make(memory_, workload.features)),
        number_of_(workload.features.size) {}

  void work() {
    for (;;) {
      run_.rest(history_);
      const bool sent = send();
      const bool answered = collect();
      if (sent || answered) continue;
      if (!run_.in(Call::kEnable, [this] { return queue_->enable_notifications(); })) {
        run_.sleep(answered_ == workload_.requests);
      }
      queue_->disable_notifications();
    }
  }

 private:
  bool send() {
    unsigned added = 0;
    while (added < workload_.batch && sent_ < workload_.requests &&
           queue_->outstanding() < workload_.in_flight) {
      std::vector<Buffer> readable(workload_.segments - 1, Buffer{kBuffers, 1});
      const Buffer writable{kBuffers, length_of(sent_ + 1)};
      const std::optional<uint16_t> id = queue_->add(readable, std::span(&writable, 1));
      if (!id) break;
      number_of_[*id] = ++sent_;
      ++added;
    }
    if (added == 0) return false;
    remember(added);
    run_.in(Call::kPublish, [this] { queue_->publish(); });
    if (queue_->kick_needed()) run_.ring();
    return true;
  }

  bool collect() {
    bool any = false;
    while (const std::optional<Used> used = queue_->get_used()) {
      run_.check(used->length == length_of(number_of_[used->id]), "an answer of another request");
      ++answered_;
      remember(uint64_t{1} << 32 | used->id);
      any = true;
    }
    return any;
  }

  // The queue and the counters here depend on nothing but what was sent and answered, in
  // its order.
  void remember(uint64_t event) { history_ = mix(history_, event); }

  Run& run_;
  const Workload& workload_;
  DriverMemory memory_;
  std::unique_ptr<DriverQueue> queue_;
  std::vector<unsigned> number_of_;  // by id
  unsigned sent_ = 0;
  unsigned answered_ = 0;
  uint64_t history_ = 0;
};

class Device {
 public:
  Device(Run& run, const Workload& workload) : run_(run), workload_(workload) {
    // Only the driver allocates; here it says where things lie.
    DriverMemory memory(region(), 0);
    const virtio::QueueSetup setup = DriverQueue::make(memory, workload.features)->setup();
    static const virtio::Window window{0, region().size(), region().data()};
    const virtio::Memory view{std::span(&window, 1)};
    run_.check(queue_.start(view, setup, {}) == QueueError::kNone, "a queue that starts");
  }

  void work() {
    for (;;) {
      // All that this side knows is in the queue, whose padding was zero when it was made.
      run_.rest(mix(0, bytes_));
      queue_.disable_notifications();
      const PopResult result = answer();
      run_.check(queue_.error() == QueueError::kNone, virtio::to_string(queue_.error()));
      if (run_.in(Call::kPublish, [this] { return queue_.publish(); }) && queue_.should_notify()) {
        run_.ring();
      }
      if (result == PopResult::kChain) continue;
      if (!run_.in(Call::kEnable, [this] { return queue_.enable_notifications(); })) {
        run_.sleep(true);
      }
    }
  }

 private:
  PopResult answer() {
    std::array<Chain, 4> batch;
    size_t count = 0;
    PopResult result = PopResult::kChain;
    while (count < workload_.batch && (result = queue_.pop(batch[count])) == PopResult::kChain) {
      run_.check(batch[count].writable_size() == length_of(queue_.popped()),
                 "a request out of order, or twice");
      run_.check(batch[count].readable_size() == workload_.segments - 1, "a part of a request");
      ++count;
    }
    while (count > 0) {
      const Chain& chain = batch[--count];
      queue_.push(chain, static_cast<uint32_t>(chain.writable_size()));
    }
    return result;
  }

  Run& run_;
  const Workload& workload_;
  alignas(Queue) std::array<std::byte, sizeof(Queue)> bytes_{};
  Queue& queue_ = *new (bytes_.data()) Queue;
};

}  // namespace

void drive(Run& run, const Workload& workload) { Driver(run, workload).work(); }
void serve(Run& run, const Workload& workload) { Device(run, workload).work(); }

}  // namespace stratos::model
