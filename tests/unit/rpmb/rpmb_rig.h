// SPDX-License-Identifier: Apache-2.0
// An RPMB device between a driver with a real queue and a store in memory.

#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "devices/rpmb/rpmb_device.h"
#include "driver_memory.h"
#include "driver_queue.h"
#include "hosts/openssl_hmac.h"
#include "memory_store.h"
#include "rpmb/rpmb_frames.h"
#include "virtio/queue.h"

namespace stratos::test {

struct RpmbOptions {
  rpmb::RpmbDevice::Options device{};
  uint32_t blocks = 512;
  bool packed = false;
};

class RpmbRig final : public virtio::Transport {
 public:
  explicit RpmbRig(const RpmbOptions& options = {});

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
  // The same for a response of one frame, whose MAC is checked.
  Look ask_one(const Frames& request, const Secret& key = test_key());
  // The bytes of a posted request, as a hostile driver changes them.
  std::byte* request_memory(size_t key);
  // Programs test_key().
  void program();

  // ---- The transport ----
  // Serves until the device sees no more to do, publishing after each turn.
  void turn();
  // The same, but dies before it publishes: only good for kill().
  void serve_unpublished() { device->process(0, 0, 16); }
  void reset();
  // The process dies, and a successor goes on with `store`. `happened` says whether the
  // operation that the store is busy with was carried out.
  void kill(bool happened);
  std::byte* memory_at(uint64_t address) { return memory_.at(address); }

  virtio::Queue* queue(uint16_t) override { return &queue_; }
  void completed(uint16_t) override { ++completions; }
  void serve_again(uint16_t) override { again_ = true; }
  void config_changed() override {}
  void needs_reset() override { ++resets; }

  const rpmb::Counters& counters() const { return device->counters(); }

  MemoryStore store;
  hosts::OpensslHmac hmac;
  std::unique_ptr<rpmb::RpmbDevice> device;
  int completions = 0;
  int resets = 0;

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

  void make_device();
  void connect();
  void collect();
  void publish();

  const RpmbOptions options_;
  DriverMemory memory_;
  std::vector<Slot> slots_;
  std::vector<size_t> free_slots_;
  std::vector<std::byte> device_memory_;
  std::vector<uint64_t> inflight_;
  std::unique_ptr<DriverQueue> driver_;
  virtio::Queue queue_;
  std::map<uint16_t, size_t> keys_;
  std::deque<Posted> posted_;
  Bytes persisted_;  // what the device saved last
  bool again_ = false;
};

}  // namespace stratos::test
