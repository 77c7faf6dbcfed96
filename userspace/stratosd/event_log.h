// SPDX-License-Identifier: Apache-2.0
// Says in the log what happens on a link.

#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "runtime/log.h"
#include "virtio/observer.h"

namespace stratos::daemon {

// The usual course of things is information, what a driver did wrong is a warning. A
// driver can cause either at any rate, so runtime::Log lets only so many through.
class EventLog final : public virtio::Observer {
 public:
  explicit EventLog(const std::string& link) : log_(link) {}

  void name_device(uint16_t number, std::string name) { names_[number] = std::move(name); }
  void on_event(virtio::Event event, uint16_t device, uint32_t detail) override;

 private:
  runtime::Log log_;
  std::map<uint16_t, std::string> names_;
};

}  // namespace stratos::daemon
