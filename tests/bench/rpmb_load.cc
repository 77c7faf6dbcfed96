// SPDX-License-Identifier: Apache-2.0
#include "rpmb_load.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "machine.h"

namespace stratos::bench {
namespace {

constexpr size_t kDepth = 8;
constexpr size_t kMemory = 4 << 20;

double per_second(size_t count, uint64_t begin) {
  return static_cast<double>(count) * 1e9 / static_cast<double>(now_ns() - begin);
}

rpmb::Fields fields(rpmb::RequestType type, uint16_t blocks, uint32_t counter = 0) {
  return {.nonce = {},
          .write_counter = counter,
          .address = 0,
          .block_count = blocks,
          .result = 0,
          .type = static_cast<uint16_t>(type)};
}

}  // namespace

double macs_per_second(size_t count, uint16_t blocks) {
  hosts::OpensslHmac hmac;
  std::array<std::byte, rpmb::kFrameSize> frame{};
  const uint64_t begin = now_ns();
  for (size_t i = 0; i < count; ++i) {
    hmac.begin(kRpmbKey);
    for (uint16_t block = 0; block < blocks; ++block) {
      hmac.update(rpmb::authenticated_part(frame));
    }
    frame.back() = hmac.finish()[0];  // the next MAC needs this one
  }
  return per_second(count, begin);
}

RpmbLoad::RpmbLoad(rpmb::Store& store, std::function<void()> wait)
    : wait_(std::move(wait)),
      device_memory_(rpmb::RpmbDevice::storage_size(options_)),
      device_(store, hmac_, options_, device_memory_),
      memory_(kMemory),
      driver_(
          test::DriverQueue::make(memory_, {.size = 256, .event_idx = true, .indirect = true})) {
  for (size_t i = 0; i < rpmb::kMaxReadBlocks; ++i) response_.push_back(place({}));
  if (queue_.start(memory_.memory(), driver_->setup(), {}) != virtio::QueueError::kNone) {
    throw std::runtime_error("rpmb: the queue does not start");
  }
  device_.start(*this, 0);
}

test::Buffer RpmbLoad::place(const Frame& frame) {
  const test::Buffer buffer{memory_.allocate(frame.size()), static_cast<uint32_t>(frame.size())};
  std::copy(frame.begin(), frame.end(), memory_.at(buffer.address));
  return buffer;
}

void RpmbLoad::expect_answered(uint64_t answered) const {
  if (device_.counters().results[0] != answered) throw std::runtime_error("rpmb: requests failed");
}

void RpmbLoad::request(std::span<const test::Buffer> out) {
  driver_->add(out, std::span(response_).first(1), true);
  driver_->publish();
  for (;;) {
    while (device_.process(0, 0, 64)) queue_.publish();
    queue_.publish();
    if (driver_->get_used()) return;
    wait_();
  }
}

void RpmbLoad::program_key() {
  Frame frame{};
  rpmb::format_frame(fields(rpmb::RequestType::kProgramKey, 1), {}, frame);
  rpmb::set_mac(kRpmbKey, frame);
  request(std::array{place(frame)});
  expect_answered(1);
}

double RpmbLoad::reads_per_second(size_t count, uint16_t blocks) {
  Frame frame{};
  rpmb::format_frame(fields(rpmb::RequestType::kDataRead, blocks), {}, frame);
  const std::array out{place(frame)};
  const auto in = std::span(response_).first(blocks);
  const uint64_t answered = device_.counters().results[0];
  const uint64_t begin = now_ns();
  for (size_t done = 0; done < count; done += kDepth) {
    for (size_t i = 0; i < kDepth; ++i) driver_->add(out, in, true);
    driver_->publish();
    while (device_.process(0, 0, 64)) {
    }
    queue_.publish();
    while (driver_->get_used()) {
    }
  }
  const double rate = per_second(count, begin);
  expect_answered(answered + count);
  return rate;
}

Latencies RpmbLoad::writes(size_t count, uint16_t blocks) {
  hosts::OpensslHmac hmac;  // of somebody who has the key
  std::vector<test::Buffer> out;
  for (uint16_t i = 0; i < blocks; ++i) out.push_back(place({}));
  Frame result{};
  rpmb::format_frame(fields(rpmb::RequestType::kResultRead, 1), {}, result);
  out.push_back(place(result));
  const uint64_t answered = device_.counters().results[0];
  Latencies latencies(count);
  for (size_t i = 0; i < count; ++i) {
    Frame frame{};
    rpmb::format_frame(fields(rpmb::RequestType::kDataWrite, blocks, device_.state().write_counter),
                       {}, frame);
    hmac.begin(kRpmbKey);
    for (uint16_t block = 0; block < blocks; ++block) {
      hmac.update(rpmb::authenticated_part(frame));
      std::copy(frame.begin(), frame.end(), memory_.at(out[block].address));
    }
    rpmb::set_mac(hmac.finish(), frame);
    std::copy(frame.begin(), frame.end(), memory_.at(out[blocks - size_t{1}].address));
    const uint64_t begin = now_ns();
    request(out);
    latencies.add(now_ns() - begin);
  }
  expect_answered(answered + count);
  return latencies;
}

}  // namespace stratos::bench
