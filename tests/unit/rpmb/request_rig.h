// SPDX-License-Identifier: Apache-2.0
// A driver with a real queue, and the transport of the device that serves it.

#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "devices/rpmb/request_device.h"
#include "driver_memory.h"
#include "driver_queue.h"
#include "rpmb/rpmb_frames.h"
#include "virtio/queue.h"

namespace stratos::test {

class RequestRig : public virtio::Transport {
 public:
  // ---- The driver ----
  // Adds a request whose bytes are cut into pieces of `piece`; its answer is found by
  // the returned key. The device does not see it before turn().
  size_t post(const Bytes& request, size_t room, size_t piece = 512);
  size_t post(const Frames& request, size_t room_frames) {
    return post(to_bytes(request), room_frames * sizeof(Frame));
  }
  // What came back, cut to the used length, if the chain was given back.
  std::optional<Bytes> answer(size_t key);
  // Drops the answers so far; nothing may be under way.
  void forget_answers() { posted_.clear(); }
  // Has a request served and returns the frames of its response.
  Frames ask(const Frames& request, size_t room_frames = 1);
  // The bytes of a posted request, as a hostile driver changes them.
  std::byte* request_memory(size_t key);

  // ---- The transport ----
  // Serves until the device sees no more to do, publishing after each turn.
  void turn();
  // The same, but dies before it publishes: only good for a kill.
  void serve_unpublished() { served().process(0, 0, 16); }
  void reset();
  std::byte* memory_at(uint64_t address) { return memory_.at(address); }

  virtio::Queue* queue(uint16_t) override { return &queue_; }
  void completed(uint16_t) override { ++completions; }
  void serve_again(uint16_t) override { again_ = true; }
  void config_changed() override {}
  void needs_reset() override { ++resets; }

  const rpmb::Counters& counters() { return served().counters(); }

  int completions = 0;
  int resets = 0;

 protected:
  RequestRig(uint16_t queue_size, bool packed);
  ~RequestRig() = default;

  virtual rpmb::RequestDevice& served() = 0;
  // A driver begins with served().
  void connect();
  // served() is the successor of a device whose process died.
  void resume();

 private:
  static constexpr size_t kSlotBytes = 64 * sizeof(Frame);
  struct Slot {
    uint64_t request = 0;
    uint64_t response = 0;
  };
  struct Posted {
    size_t slot = 0;
    bool back = false;
    Bytes bytes{};
  };

  void collect();
  void publish();

  const uint16_t queue_size_;
  const bool packed_;
  DriverMemory memory_;
  std::vector<Slot> slots_;
  std::vector<size_t> free_slots_;
  std::vector<uint64_t> inflight_;
  std::unique_ptr<DriverQueue> driver_;
  virtio::Queue queue_;
  std::map<uint16_t, size_t> keys_;
  std::deque<Posted> posted_;
  Bytes persisted_;  // what the device saved last
  bool again_ = false;
};

}  // namespace stratos::test
