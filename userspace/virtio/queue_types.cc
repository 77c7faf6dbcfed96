// SPDX-License-Identifier: Apache-2.0

#include "virtio/queue_types.h"

namespace stratos::virtio {

const char* to_string(QueueError error) {
  switch (error) {
    case QueueError::kNone:
      return "None";
    case QueueError::kNotStarted:
      return "NotStarted";
    case QueueError::kSize:
      return "Size";
    case QueueError::kAlignment:
      return "Alignment";
    case QueueError::kBounds:
      return "Bounds";
    case QueueError::kAvailIndex:
      return "AvailIndex";
    case QueueError::kHead:
      return "Head";
    case QueueError::kNext:
      return "Next";
    case QueueError::kChainTooLong:
      return "ChainTooLong";
    case QueueError::kSegmentBounds:
      return "SegmentBounds";
    case QueueError::kSegmentEmpty:
      return "SegmentEmpty";
    case QueueError::kChainSize:
      return "ChainSize";
    case QueueError::kReadableAfterWritable:
      return "ReadableAfterWritable";
    case QueueError::kIndirectNotNegotiated:
      return "IndirectNotNegotiated";
    case QueueError::kIndirectNested:
      return "IndirectNested";
    case QueueError::kIndirectWithNext:
      return "IndirectWithNext";
    case QueueError::kIndirectSize:
      return "IndirectSize";
    case QueueError::kIndirectBounds:
      return "IndirectBounds";
    case QueueError::kFlags:
      return "Flags";
    case QueueError::kDoubleUse:
      return "DoubleUse";
    case QueueError::kInflight:
      return "Inflight";
  }
  return "?";
}

}  // namespace stratos::virtio
