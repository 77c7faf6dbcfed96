// SPDX-License-Identifier: Apache-2.0

#include "rpmb/scripted_rpmb.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <span>

#include "virtio/endian.h"

namespace stratos::guest {
namespace {

constexpr uint64_t kFrame = sizeof(virtio_rpmb_frame);
constexpr std::chrono::milliseconds kSlowness{500};

uint16_t load(const __be16& field) {
  const auto* const bytes = reinterpret_cast<const uint8_t*>(&field);
  return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
}

template <typename Field>
void store(Field& field, uint32_t value) {
  auto* const bytes = reinterpret_cast<uint8_t*>(&field);
  for (size_t i = sizeof(Field); i-- > 0; value >>= 8) bytes[i] = static_cast<uint8_t>(value);
}

std::span<std::byte> bytes_of(virtio_rpmb_frame& frame) {
  return std::as_writable_bytes(std::span(&frame, 1));
}

bool is_write(uint16_t type) {
  return type == VIRTIO_RPMB_REQ_PROGRAM_KEY || type == VIRTIO_RPMB_REQ_DATA_WRITE;
}

}  // namespace

ScriptedRpmb::ScriptedRpmb(runtime::Loop& loop, const virtio_rpmb_config& config,
                           uint16_t queue_size)
    : config_(config),
      queue_sizes_{queue_size},
      type_{VIRTIO_RPMB_DEVICE_ID, sizeof(virtio_rpmb_config), queue_sizes_},
      slow_timer_(loop, [this] {
        for (; !slow_.empty(); slow_.pop_front())
          push(slow_.front(), static_cast<uint32_t>(slow_.front().writable_size()));
      }) {
  store(result_.req_resp, VIRTIO_RPMB_RESP_DATA_WRITE);
}

void ScriptedRpmb::read_config(uint32_t offset, std::span<std::byte> into) const {
  std::ranges::copy(std::as_bytes(std::span(&config_, 1)).subspan(offset, into.size()),
                    into.begin());
}

void ScriptedRpmb::stop() {
  transport_ = nullptr;
  held_.clear();
  slow_.clear();
  slow_timer_.stop();
}

void ScriptedRpmb::push(const virtio::Chain& chain, uint32_t written) {
  virtio::Queue* const queue = transport_->queue(VIRTIO_RPMB_QUEUE_REQUEST);
  if (queue == nullptr) return;
  queue->push(chain, written);
  transport_->completed(VIRTIO_RPMB_QUEUE_REQUEST);
}

// The result of a write: it is one if its block count is that of its frames.
uint16_t ScriptedRpmb::execute(const virtio_rpmb_frame& request) {
  const bool key = load(request.req_resp) == VIRTIO_RPMB_REQ_PROGRAM_KEY;
  if (load(request.block_count) != 1) return VIRTIO_RPMB_RES_GENERAL_FAILURE;
  if (!key) ++writes_;
  return VIRTIO_RPMB_RES_OK;
}

uint32_t ScriptedRpmb::respond(const virtio::Chain& chain, const virtio_rpmb_frame& request) {
  const uint16_t type = load(request.req_resp);
  const uint64_t frames = chain.writable_size() / kFrame;
  virtio_rpmb_frame response{};
  if (is_write(type)) {
    store(result_.req_resp, static_cast<uint32_t>(type) << 8);
    store(result_.result, execute(request));
    store(result_.write_counter, writes_);
  }
  if (is_write(type) || type == VIRTIO_RPMB_REQ_RESULT_READ) {
    response = result_;
  } else {
    store(response.req_resp, static_cast<uint32_t>(type) << 8);
    response.address = request.address;
    response.block_count = request.block_count;
    std::ranges::copy(request.nonce, response.nonce);
    store(response.write_counter, writes_);
    if (load(request.block_count) != frames)
      store(response.result, VIRTIO_RPMB_RES_GENERAL_FAILURE);
  }
  for (uint64_t i = 0; i < frames; ++i) {
    if (type == VIRTIO_RPMB_REQ_DATA_READ)
      std::ranges::fill(response.data, static_cast<uint8_t>(load(request.address) + i));
    chain.write(i * kFrame, bytes_of(response));
  }
  return static_cast<uint32_t>(frames * kFrame);
}

void ScriptedRpmb::take(virtio::Queue& queue, const virtio::Chain& chain) {
  virtio_rpmb_frame request{};
  virtio_rpmb_frame last{};
  chain.read(0, bytes_of(request));
  chain.read(chain.readable_size() - kFrame, bytes_of(last));
  fmt::print("request type={} count={} segments={}+{} last={} {}\n", load(request.req_resp),
             load(request.block_count), chain.readable().size(), chain.writable().size(),
             load(last.req_resp), load(last.block_count));
  std::fflush(stdout);

  const bool read = load(request.req_resp) == VIRTIO_RPMB_REQ_DATA_READ;
  const auto trick = read ? Trick{load(request.address)} : Trick{};
  uint32_t written = trick == Trick::kNothing ? 0 : respond(chain, request);
  if (trick == Trick::kShort) --written;
  if (trick == Trick::kWrongType) {
    store(request.req_resp, VIRTIO_RPMB_RESP_GET_COUNTER);
    chain.write(0, bytes_of(request));
  }
  if (trick == Trick::kNever) return;
  if (trick == Trick::kHeld) {
    held_.push_back(chain);
    return;
  }
  if (trick == Trick::kSlow) {
    slow_.push_back(chain);
    slow_timer_.start_once(kSlowness);
    return;
  }
  queue.push(chain, written);
  for (const virtio::Chain& held : held_)
    queue.push(held, static_cast<uint32_t>(held.writable_size()));
  held_.clear();
}

bool ScriptedRpmb::process(uint16_t index, virtio::Time, uint32_t budget) {
  virtio::Queue* const queue = transport_->queue(index);
  if (queue == nullptr) return false;
  virtio::Chain chain;
  for (; budget > 0; --budget) {
    if (queue->pop(chain) != virtio::PopResult::kChain) return false;
    if (chain.readable_size() < kFrame) {
      transport_->needs_reset();
      return false;
    }
    take(*queue, chain);
  }
  return true;
}

}  // namespace stratos::guest
