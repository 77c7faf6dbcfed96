// SPDX-License-Identifier: Apache-2.0

#include "responder.h"

namespace stratos::bench {

bool Responder::process(uint16_t index, virtio::Time, uint32_t budget) {
  virtio::Queue* queue = transport_->queue(index);
  if (queue == nullptr) return false;
  virtio::Chain chain;
  for (; budget != 0; --budget) {
    if (queue->pop(chain) != virtio::PopResult::kChain) return false;
    std::array<std::byte, kRequestSize> request;
    if (chain.read(0, request) != request.size()) {
      transport_->needs_reset();
      return false;
    }
    queue->push(chain, static_cast<uint32_t>(chain.write(0, request)));
  }
  return true;
}

}  // namespace stratos::bench
