// SPDX-License-Identifier: Apache-2.0
// A [[link]], alive: how it gets its memory, and the devices on it.

#pragma once

#include <expected>
#include <memory>
#include <string>

#include "links/shm/hub_peer.h"
#include "links/shm/shm_link.h"
#include "runtime/loop.h"
#include "stratosd/config.h"
#include "stratosd/event_log.h"
#include "stratosd/hosted_device.h"

namespace stratos::daemon {

class LinkUnit {
 public:
  // Begins to look for the link's memory: a hub answers later, a UIO device at once.
  // `loop` outlives the unit. The error is one line.
  static std::expected<std::unique_ptr<LinkUnit>, std::string> open(runtime::Loop& loop,
                                                                    const LinkConfig& config);

  // `device` outlives the unit.
  std::expected<void, std::string> add_device(const DeviceConfig& config, HostedDevice& device);

  // The memory is there, and serve() can be called.
  bool has_memory() const { return first_ != nullptr; }
  // Begins to serve the driver side.
  std::expected<void, std::string> serve();

  const LinkConfig& config() const { return config_; }
  // A hub is there; always true for a link that needs none.
  bool seated() const { return !hub_ || hub_->seated(); }
  const links::ShmLink& link() const { return link_; }

 private:
  LinkUnit(runtime::Loop& loop, const LinkConfig& config);
  void on_attached(std::unique_ptr<links::Attachment> attachment);

  const LinkConfig& config_;
  EventLog events_;
  runtime::Log log_;
  links::ShmLink link_;
  bool serving_ = false;
  std::unique_ptr<links::Attachment> first_;  // until serve()
  std::unique_ptr<links::HubPeer> hub_;
};

}  // namespace stratos::daemon
