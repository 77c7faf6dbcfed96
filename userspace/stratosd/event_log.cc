// SPDX-License-Identifier: Apache-2.0
#include "stratosd/event_log.h"

namespace stratos::daemon {
namespace {

using virtio::Event;

bool is_usual(Event event) {
  switch (event) {
    case Event::kLinkInit:
    case Event::kLinkRunning:
    case Event::kLinkResumed:
    case Event::kPeerRestarted:
    case Event::kPeerShutdown:
    case Event::kDeviceStarted:
    case Event::kDeviceResumed:
    case Event::kDeviceReset:
      return true;
    default:
      return false;
  }
}

}  // namespace

void EventLog::on_event(Event event, uint16_t device, uint32_t detail) {
  std::string subject;
  if (device != kNoDevice) {
    const auto name = names_.find(device);
    subject = name == names_.end() ? fmt::format("device {}: ", device) : name->second + ": ";
  }
  if (is_usual(event)) {
    log_.info("{}{} ({:#x})", subject, to_string(event), detail);
  } else {
    log_.warn("{}{} ({:#x})", subject, to_string(event), detail);
  }
}

}  // namespace stratos::daemon
