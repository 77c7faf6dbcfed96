// SPDX-License-Identifier: Apache-2.0
// What a link tells whoever keeps the log. The freestanding room formats nothing.

#pragma once

#include <cstdint>

namespace stratos::virtio {

enum class Event : uint8_t {
  kLinkInit,           // new epoch; detail: the epoch
  kLinkRunning,        // the driver side is there; detail: its epoch
  kLinkResumed,        // went on with the state of a predecessor; detail: the epoch
  kPeerRestarted,      // the driver side began anew
  kPeerShutdown,       // the driver side left
  kPeerDead,           // the driver side's heartbeat stopped
  kMessageDropped,     // detail: MessageError << 16 | message id
  kBogusNotification,  // bits that belong to no device; detail: the first
  kDeviceStarted,
  kDeviceResumed,    // state of a predecessor taken over
  kDeviceReset,      // reset by the driver, and finished
  kDeviceFailed,     // the driver gave up
  kFeaturesRefused,  // FEATURES_OK refused; detail: low half of what was not offered
  kQueueRefused,     // SET_VQUEUE refused; detail: queue << 16 | QueueError
  kQueueBroken,      // a ring broke a rule; detail: queue << 16 | QueueError
  kNeedsReset,       // DEVICE_NEEDS_RESET was set
  kRecordRejected,   // the state of a predecessor made no sense
};

const char* to_string(Event event);

// Events that a driver can cause at will come at any rate: the observer limits it.
class Observer {
 public:
  static constexpr uint16_t kNoDevice = 0xffff;
  // `device` is kNoDevice for events of the link.
  virtual void on_event(Event event, uint16_t device, uint32_t detail) = 0;

 protected:
  ~Observer() = default;
};

}  // namespace stratos::virtio
