// SPDX-License-Identifier: Apache-2.0
// A real hub, and what sits at either side of its one link.

#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hub/fake_client.h"
#include "hub/hub.h"
#include "hub/scratch_directory.h"
#include "links/shm/hub_peer.h"
#include "links/shm/shm_link.h"
#include "msg_driver.h"
#include "runtime/event_fd.h"
#include "runtime/mapping.h"
#include "runtime/test_loop.h"
#include "virtio/echo_device.h"

namespace stratos::links {

inline constexpr uint64_t kRegionSize = 1 << 20;
inline constexpr uint64_t kDeviceMemory = 128 * 1024;
inline constexpr uint64_t kWantedFeatures = ~test::EchoDevice::kRefusedFeature;

struct QuietObserver final : virtio::Observer {
  void on_event(virtio::Event event, uint16_t, uint32_t) override { events.push_back(event); }
  bool saw(virtio::Event event) const {
    return std::find(events.begin(), events.end(), event) != events.end();
  }
  std::vector<virtio::Event> events;
};

inline hub::Config link_config(const hub::ScratchDirectory& scratch) {
  hub::LinkConfig link;
  link.name = "a";
  link.size = kRegionSize;
  link.driver_socket = scratch.file("a.qemu");
  link.device_socket = scratch.file("a.sock");
  return {{link}};
}

// The device side as stratosd has it: a peer of the hub, a link, an echo device.
struct Helper {
  Helper(runtime::Loop& loop, const std::string& socket, uint32_t budget = 64)
      : link(loop, "a", observer, {.link = {}, .budget = budget}),
        peer(loop, socket,
             {.on_attached =
                  [this](std::unique_ptr<Attachment> attachment) {
                    ++attachments;
                    auto done = link.attach(std::move(attachment));
                    EXPECT_TRUE(done.has_value()) << done.error();
                  },
              .on_hub_lost = [this] { ++losses; }},
             {.retry = std::chrono::milliseconds(10), .patience = std::chrono::seconds(5)}) {
    EXPECT_TRUE(link.add_device(3, device, kDeviceMemory).has_value());
  }

  QuietObserver observer;
  test::EchoDevice device;
  ShmLink link;
  int attachments = 0;
  int losses = 0;
  HubPeer peer;
};

inline uint64_t monotonic_now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(time.tv_nsec);
}

// The driver side as a guest has it: what the hub gave QEMU, and a driver on it.
class Guest {
 public:
  // Takes the seat, which `pump` lets the hub notice.
  Guest(const std::string& socket, std::function<void()> pump) : client_(socket), pump_(pump) {
    EXPECT_TRUE(client_.connected());
    const uint64_t deadline = monotonic_now() + 5'000'000'000U;
    while (client_.messages().size() < 5 && monotonic_now() < deadline) pump();
    if (client_.messages().size() < 5) throw std::runtime_error("the hub gave no seat");
    const auto& messages = client_.messages();
    memory_ = std::move(*runtime::Mapping::map(messages[2].fd.get(), kRegionSize));
    peer_bell_.emplace(adopt(messages[3].fd.get()));
    own_bell_.emplace(adopt(messages[4].fd.get()));
    test::MsgDriver::Options options;
    options.ring = [this](uint32_t value) {
      // QEMU ignores a ring for nobody, such as 0: no helper was there yet.
      if (value == ivshmem::doorbell_value(ivshmem::kDevicePeer, 0)) ring();
    };
    options.pump = pump;
    options.now = monotonic_now;
    driver_ = std::make_unique<test::MsgDriver>(memory_.bytes(), std::move(options));
  }

  test::MsgDriver& driver() { return *driver_; }
  const runtime::EventFd& bell() const { return *own_bell_; }
  uint64_t rings() const { return rings_; }
  void ring() {
    ++rings_;
    peer_bell_->ring();
  }
  bool closed() { return client_.closed(); }

  // From nothing to a device that works.
  bool come_up() {
    if (!driver_->connect()) return false;
    device_ = driver_->set_up(3, kWantedFeatures);
    return device_ != nullptr;
  }

  // Sends `text` through the device and returns what came back.
  std::optional<std::string> echo(const std::string& text) {
    const auto size = static_cast<uint32_t>(text.size());
    if (buffer_ == 0) buffer_ = device_->memory->allocate(256);
    std::memcpy(device_->memory->at(buffer_), text.data(), text.size());
    const test::Buffer in{buffer_, size}, out{buffer_ + 128, size};
    test::DriverQueue& queue = *device_->queues[0];
    if (!queue.add({&in, 1}, {&out, 1})) return std::nullopt;
    queue.publish();
    if (queue.kick_needed()) driver_->kick(3, 0);
    std::optional<test::Used> used;
    if (!driver_->wait_for([&] { return (used = queue.get_used()).has_value(); })) return {};
    return std::string(reinterpret_cast<const char*>(device_->memory->at(buffer_ + 128)),
                       used->length);
  }
  test::DriverDevice& device() { return *device_; }

 private:
  static runtime::EventFd adopt(int fd) {
    return std::move(*runtime::EventFd::adopt(runtime::UniqueFd(dup(fd))));
  }

  hub::FakeClient client_;
  std::function<void()> pump_;
  runtime::Mapping memory_;
  std::optional<runtime::EventFd> peer_bell_;
  std::optional<runtime::EventFd> own_bell_;
  std::unique_ptr<test::MsgDriver> driver_;
  std::unique_ptr<test::DriverDevice> device_;
  uint64_t buffer_ = 0;
  uint64_t rings_ = 0;
};

}  // namespace stratos::links
