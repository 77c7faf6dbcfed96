// SPDX-License-Identifier: Apache-2.0

#include "virtio/observer.h"

namespace stratos::virtio {

const char* to_string(Event event) {
  switch (event) {
    case Event::kLinkInit:
      return "link begins a new epoch";
    case Event::kLinkRunning:
      return "link runs";
    case Event::kLinkResumed:
      return "link resumed";
    case Event::kPeerRestarted:
      return "driver side restarted";
    case Event::kPeerShutdown:
      return "driver side left";
    case Event::kPeerDead:
      return "driver side is dead";
    case Event::kMessageDropped:
      return "message dropped";
    case Event::kBogusNotification:
      return "notification for no device";
    case Event::kDeviceStarted:
      return "device started";
    case Event::kDeviceResumed:
      return "device resumed";
    case Event::kDeviceReset:
      return "device reset";
    case Event::kDeviceFailed:
      return "driver gave up";
    case Event::kFeaturesRefused:
      return "features refused";
    case Event::kQueueRefused:
      return "queue refused";
    case Event::kQueueBroken:
      return "queue broken";
    case Event::kNeedsReset:
      return "device needs reset";
    case Event::kRecordRejected:
      return "state of the predecessor rejected";
  }
  return "unknown";
}

}  // namespace stratos::virtio
