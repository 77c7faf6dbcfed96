// SPDX-License-Identifier: Apache-2.0
#include "stratosd/event_log.h"

namespace stratos::daemon {
namespace {

using virtio::Event;

// What the link says in its own words.
bool is_said_already(Event event) {
  return event == Event::kLinkInit || event == Event::kLinkResumed;
}

bool is_usual(Event event) {
  switch (event) {
    case Event::kLinkRunning:
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
  if (is_said_already(event)) {
    log_.debug("{}{} ({:#x})", subject, to_string(event), detail);
  } else if (is_usual(event)) {
    log_.info("{}{} ({:#x})", subject, to_string(event), detail);
  } else {
    log_.warn("{}{} ({:#x})", subject, to_string(event), detail);
  }
}

}  // namespace stratos::daemon
