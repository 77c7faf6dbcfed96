// SPDX-License-Identifier: Apache-2.0
// Both sides of a link in one process, with a clock of their own.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "driver_memory.h"
#include "msg_driver.h"
#include "virtio/echo_device.h"
#include "virtio/msg_link.h"

namespace stratos::test {

class RecordingObserver final : public virtio::Observer {
 public:
  void on_event(virtio::Event event, uint16_t device, uint32_t detail) override {
    events_.push_back({event, device, detail});
  }
  int count(virtio::Event event) const {
    return static_cast<int>(
        std::ranges::count_if(events_, [&](const Entry& entry) { return entry.event == event; }));
  }
  int count(virtio::Event event, uint16_t device) const {
    return static_cast<int>(std::ranges::count_if(events_, [&](const Entry& entry) {
      return entry.event == event && entry.device == device;
    }));
  }

 private:
  struct Entry {
    virtio::Event event;
    uint16_t device;
    uint32_t detail;
  };
  std::vector<Entry> events_;
};

class CountingDoorbell final : public virtio::Doorbell {
 public:
  void ring(uint32_t value) override {
    ++rings;
    last = value;
  }
  int rings = 0;
  uint32_t last = 0;
};

class LinkRig {
 public:
  static constexpr size_t kRegionSize = 2 << 20;
  static constexpr uint64_t kDeviceMemory = 64 << 10;
  static constexpr virtio::Time kMillisecond = 1'000'000;

  LinkRig() : LinkRig(virtio::LayoutPlan{.region_size = kRegionSize}) {}
  // `plan.region_size` is kRegionSize.
  explicit LinkRig(const virtio::LayoutPlan& plan) {
    virtio::write_layout(memory_.bytes(), *virtio::plan_layout(plan));
    driver_ = make_driver();
  }

  std::span<std::byte> region() { return memory_.bytes(); }
  virtio::MsgLink& link() { return *link_; }
  MsgDriver& driver() { return *driver_; }
  RecordingObserver& observer() { return observer_; }
  CountingDoorbell& doorbell() { return doorbell_; }
  EchoDevice& device(uint16_t number) { return *devices_.at(number); }
  virtio::LinkOptions& options() { return options_; }
  virtio::Time now() const { return now_; }

  // A device side with these devices; true if it went on with its predecessor's state.
  bool start_link(std::vector<uint16_t> numbers = {1, 2}) {
    devices_.clear();
    link_ = std::make_unique<virtio::MsgLink>();
    EXPECT_TRUE(link_->attach(region(), doorbell_, observer_, options_));
    for (const uint16_t number : numbers) EXPECT_TRUE(add_device(number));
    return link_->start(now_);
  }
  bool add_device(uint16_t number) {
    devices_[number] = std::make_unique<EchoDevice>();
    devices_[number]->set_features(device_features);
    return link_->add_device(number, *devices_[number], kDeviceMemory).has_value();
  }
  // As SIGKILL does: nobody says goodbye.
  void kill_link() { link_.reset(); }

  std::unique_ptr<MsgDriver> make_driver() {
    return std::make_unique<MsgDriver>(
        region(), MsgDriver::Options{.ring = [this](uint32_t) { ++driver_rings_; },
                                     .pump = [this] { turn(); },
                                     .now = [this] { return now_; },
                                     .patience = 100});
  }
  void restart_driver() { driver_ = make_driver(); }
  int driver_rings() const { return driver_rings_; }

  // A split queue with EVENT_IDX, unless told otherwise.
  std::unique_ptr<DriverDevice> set_up(uint16_t number,
                                       uint64_t features = virtio::kFeatureEventIdx) {
    free_buffers_[number].clear();
    return driver_->set_up(number, features | EchoDevice::kSomeFeature);
  }

  // What devices offer that are added from now on.
  uint64_t device_features = EchoDevice::kSomeFeature | EchoDevice::kRefusedFeature;

  // One turn of the device side's loop.
  void turn() {
    now_ += kMillisecond;
    if (!link_) return;
    link_->service(now_, kBudget);
    link_->flush();
  }
  void service() { link_->service(now_ += kMillisecond, kBudget); }
  void flush() { link_->flush(); }

  // Until neither side has anything to do.
  void settle() {
    for (int left = 100; left > 0; --left) {
      turn();
      driver_->poll();
      if (link_->prepare_sleep()) return;
    }
    ADD_FAILURE() << "the link never comes to rest";
  }
  void pass(virtio::Time time) { now_ += time; }

  // Sends `text` through queue 0 and waits for the answer.
  std::string echo(DriverDevice& device, const std::string& text) {
    DriverQueue& queue = *device.queues[0];
    if (!submit(device, text)) return "(no room)";
    std::optional<Used> used;
    if (!driver_->wait_for([&] { return (used = queue.get_used()).has_value(); })) {
      return "(no answer)";
    }
    return take_answer(device, *used);
  }
  // Makes a request available and kicks.
  bool submit(DriverDevice& device, const std::string& text) {
    DriverQueue& queue = *device.queues[0];
    const Buffer out = take_buffer(device);
    const Buffer in = take_buffer(device);
    std::ranges::transform(text, device.memory->at(out.address),
                           [](char c) { return static_cast<std::byte>(c); });
    const Buffer readable{out.address, static_cast<uint32_t>(text.size())};
    const auto id = queue.add(std::span(&readable, 1), std::span(&in, 1));
    if (!id) return false;
    in_flight_[{device.number, *id}] = {out, in};
    queue.publish();
    if (queue.kick_needed()) driver_->kick(device.number, 0);
    return true;
  }
  std::string take_answer(DriverDevice& device, const Used& used) {
    const auto request = in_flight_.extract({device.number, used.id});
    EXPECT_FALSE(request.empty()) << "answered twice, or never asked: " << used.id;
    if (request.empty()) return "(never asked)";
    const auto [out, in] = request.mapped();
    free_buffers_[device.number].push_back(out);
    free_buffers_[device.number].push_back(in);
    const auto* text = reinterpret_cast<const char*>(device.memory->at(in.address));
    return {text, used.length};
  }

 private:
  static constexpr uint32_t kBudget = 16;
  static constexpr uint32_t kBufferSize = 64;

  Buffer take_buffer(DriverDevice& device) {
    auto& free = free_buffers_[device.number];
    if (free.empty()) return {device.memory->allocate(kBufferSize), kBufferSize};
    const Buffer buffer = free.back();
    free.pop_back();
    return buffer;
  }

  DriverMemory memory_{kRegionSize};
  virtio::Time now_ = 1'000'000'000;
  CountingDoorbell doorbell_;
  RecordingObserver observer_;
  virtio::LinkOptions options_;
  std::map<uint16_t, std::unique_ptr<EchoDevice>> devices_;
  std::unique_ptr<virtio::MsgLink> link_;
  std::unique_ptr<MsgDriver> driver_;
  int driver_rings_ = 0;
  std::map<std::pair<uint16_t, uint16_t>, std::pair<Buffer, Buffer>> in_flight_;
  std::map<uint16_t, std::vector<Buffer>> free_buffers_;
};

}  // namespace stratos::test
