// SPDX-License-Identifier: Apache-2.0
#include "rpmb/rpmb_frames.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ostream>

#include "hosts/openssl_hmac.h"

namespace stratos::test {
namespace {

constexpr size_t kKeyMac = 196;
constexpr size_t kData = 228;
constexpr size_t kNonce = 484;
constexpr size_t kCounter = 500;
constexpr size_t kAddress = 504;
constexpr size_t kCount = 506;
constexpr size_t kResult = 508;
constexpr size_t kType = 510;

void put(Frame& frame, size_t at, size_t size, uint32_t value) {
  for (size_t i = 0; i < size; ++i) {
    frame[at + i] = static_cast<std::byte>(value >> (8 * (size - 1 - i)));
  }
}

uint32_t get(const Frame& frame, size_t at, size_t size) {
  uint32_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | std::to_integer<uint32_t>(frame[at + i]);
  return value;
}

uint8_t only_byte(const Frame& frame, size_t at, size_t size) {
  EXPECT_EQ(std::memcmp(&frame[at], &frame[at + 1], size - 1), 0) << "not alike from " << at;
  return std::to_integer<uint8_t>(frame[at]);
}

}  // namespace

void PrintTo(const Look& look, std::ostream* out) {
  char text[160];
  std::snprintf(text, sizeof(text),
                "type %04x result %04x count %u address %u counter %u nonce %02x data %02x",
                look.type, look.result, look.count, look.address, look.counter, look.nonce,
                look.data);
  *out << text;
}

Frame make_frame(const Look& look) {
  Frame frame{};
  std::fill_n(&frame[kData], 256, std::byte{look.data});
  std::fill_n(&frame[kNonce], 16, std::byte{look.nonce});
  put(frame, kCounter, 4, look.counter);
  put(frame, kAddress, 2, look.address);
  put(frame, kCount, 2, look.count);
  put(frame, kResult, 2, look.result);
  put(frame, kType, 2, look.type);
  return frame;
}

Look look_at(const Frame& frame) {
  return {.type = static_cast<uint16_t>(get(frame, kType, 2)),
          .result = static_cast<uint16_t>(get(frame, kResult, 2)),
          .count = static_cast<uint16_t>(get(frame, kCount, 2)),
          .address = static_cast<uint16_t>(get(frame, kAddress, 2)),
          .counter = get(frame, kCounter, 4),
          .nonce = only_byte(frame, kNonce, 16),
          .data = only_byte(frame, kData, 256)};
}

Block block_in(const Frame& frame) {
  Block block;
  std::copy_n(&frame[kData], block.size(), block.begin());
  return block;
}

Secret test_key() {
  Secret key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(i);
  return key;
}

Secret filled(uint8_t byte) {
  Secret secret;
  secret.fill(std::byte{byte});
  return secret;
}

Secret mac_of(const Frames& frames, const Secret& key) {
  static hosts::OpensslHmac hmac;
  hmac.begin(key);
  for (const Frame& frame : frames) hmac.update(std::span(frame).subspan(kData));
  return hmac.finish();
}

void set_key_mac(Frames& frames, const Secret& value) {
  std::copy(value.begin(), value.end(), &frames.back()[kKeyMac]);
}

Secret key_mac_in(const Frame& frame) {
  Secret secret;
  std::copy_n(&frame[kKeyMac], secret.size(), secret.begin());
  return secret;
}

std::string hex(const Secret& secret) {
  std::string text;
  for (const std::byte byte : secret) {
    char digits[3] = {};
    std::snprintf(digits, sizeof(digits), "%02x", std::to_integer<unsigned>(byte));
    text += digits;
  }
  return text;
}

Frames program_key(const Secret& key) {
  Frames frames{make_frame({.type = 1})};
  set_key_mac(frames, key);
  return frames;
}

Frames get_counter(uint8_t nonce) { return {make_frame({.type = 2, .nonce = nonce})}; }

Frames read_data(uint16_t address, uint16_t count, uint8_t nonce) {
  return {make_frame({.type = 4, .count = count, .address = address, .nonce = nonce})};
}

Frames write_data(uint32_t counter, uint16_t address, uint16_t count, uint8_t data,
                  const Secret& key) {
  Frames frames;
  for (uint16_t i = 0; i < count; ++i) {
    frames.push_back(make_frame({.type = 3,
                                 .count = count,
                                 .address = address,
                                 .counter = counter,
                                 .data = static_cast<uint8_t>(data + i)}));
  }
  if (!frames.empty()) set_key_mac(frames, mac_of(frames, key));
  return frames;
}

Frames write_config(uint32_t counter, uint16_t address, uint8_t value, const Secret& key) {
  Frames frames{make_frame({.type = 6, .address = address, .counter = counter})};
  frames[0][kData + 256 - address] = std::byte{value};
  set_key_mac(frames, mac_of(frames, key));
  return frames;
}

Frame result_read(uint16_t count) { return make_frame({.type = 5, .count = count}); }

Frames with_result(Frames frames) {
  frames.push_back(result_read());
  return frames;
}

Bytes to_bytes(const Frames& frames) {
  Bytes bytes(frames.size() * sizeof(Frame));
  if (!frames.empty()) std::memcpy(bytes.data(), frames.data(), bytes.size());
  return bytes;
}

Frames to_frames(const Bytes& bytes) {
  Frames frames(bytes.size() / sizeof(Frame));
  if (!frames.empty()) std::memcpy(frames.data(), bytes.data(), frames.size() * sizeof(Frame));
  return frames;
}

}  // namespace stratos::test
