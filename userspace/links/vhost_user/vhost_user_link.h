// SPDX-License-Identifier: Apache-2.0
// A vhost-user back-end in the loop: one socket, one device, one front-end at a time.

#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "links/vhost_user/served_device.h"
#include "links/vhost_user/session.h"
#include "runtime/fd_watch.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/timer.h"
#include "runtime/unique_fd.h"
#include "virtio/device.h"
#include "virtio/features.h"
#include "virtio/observer.h"

namespace stratos::links {

class VhostUserLink final : private runtime::TurnHook {
 public:
  struct Options {
    uint64_t ring_features = virtio::kFeatureEventIdx | virtio::kFeatureIndirectDesc;
    uint16_t number = 0;  // of the device, for the observer
    // Chains that are served before other links have their turn.
    uint32_t budget = 64;
    // Where the device's state is kept for front-ends that keep none; empty: nowhere.
    std::string state_file;
    // How long chains that the device has taken may hold up a front-end's change.
    std::chrono::milliseconds drain{500};
    // How long to wait before connecting again, as a client.
    std::chrono::milliseconds retry{500};
  };
  struct Counters {
    uint64_t front_ends = 0;  // that came
    uint64_t sent_away = 0;   // because there was one already
    uint64_t thrown_out = 0;  // because of what they said
    uint64_t messages = 0;    // of those that are gone
    uint64_t refused = 0;
  };

  // `name` begins the lines of its log. Loop, observer and device outlive the link; the
  // device has at most virtio::kMaxQueues queues. The error is one line.
  static std::expected<std::unique_ptr<VhostUserLink>, std::string> create(
      runtime::Loop& loop, std::string name, virtio::Observer& observer, virtio::Device& device,
      const Options& options);
  // Leaves everything to a successor.
  ~VhostUserLink();
  VhostUserLink(const VhostUserLink&) = delete;
  VhostUserLink& operator=(const VhostUserLink&) = delete;

  // Serves whoever connects to `listener`, which is non-blocking.
  void listen(runtime::UniqueFd listener);
  // Connects to the socket at `path`, and again whenever the front-end went.
  void connect_to(std::string path);

  bool connected() const { return session_ != nullptr; }
  const virtio::Instance& instance() const { return device_->instance(); }
  Counters counters() const;

 private:
  VhostUserLink(runtime::Loop& loop, std::string name, const Options& options);

  bool on_turn_end() override;
  bool on_sleep() override { return device_->prepare_sleep(); }
  void look_for_front_end();
  void accept_one();
  void connect_now();
  void begin(runtime::UniqueFd socket);
  void end_session();

  runtime::Loop& loop_;
  runtime::Log log_;
  Options options_;
  virtio::Device* model_ = nullptr;
  std::unique_ptr<vhost_user::ServedDevice> device_;
  std::unique_ptr<vhost_user::Session> session_;
  Counters counters_;

  runtime::UniqueFd listener_;
  std::unique_ptr<runtime::FdWatch> listener_watch_;
  bool somebody_waits_ = false;

  std::string path_;  // as a client
  runtime::Timer retry_;
  std::string last_complaint_;
};

}  // namespace stratos::links
