// SPDX-License-Identifier: Apache-2.0
// RPMB frames as somebody makes them who has only read the specification: nothing here
// comes from the model.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stratos::test {

using Bytes = std::vector<std::byte>;
using Frame = std::array<std::byte, 512>;
using Frames = std::vector<Frame>;
using Block = std::array<std::byte, 256>;
using Secret = std::array<std::byte, 32>;

// The fields of a frame, for a request or a response.
struct Look {
  uint16_t type = 0;
  uint16_t result = 0;
  uint16_t count = 1;
  uint16_t address = 0;
  uint32_t counter = 0;
  uint8_t nonce = 0;  // all its bytes
  uint8_t data = 0;   // all its bytes

  friend bool operator==(const Look&, const Look&) = default;
};
void PrintTo(const Look& look, std::ostream* out);

Frame make_frame(const Look& look);
// What `frame` says; bytes that are not alike in nonce or data are a failure.
Look look_at(const Frame& frame);
Block block_in(const Frame& frame);

// 00 01 02 ... 1f, the key of the vectors.
Secret test_key();
Secret filled(uint8_t byte);
// HMAC-SHA256 over all frames, each from byte 228 on.
Secret mac_of(const Frames& frames, const Secret& key);
// Puts it, or a key, into the last frame.
void set_key_mac(Frames& frames, const Secret& value);
Secret key_mac_in(const Frame& frame);
std::string hex(const Secret& secret);

// ---- Requests ----
Frames program_key(const Secret& key = test_key());
Frames get_counter(uint8_t nonce = 0x11);
Frames read_data(uint16_t address, uint16_t count, uint8_t nonce = 0x22);
// Blocks filled with data, data + 1, ...; signed.
Frames write_data(uint32_t counter, uint16_t address, uint16_t count, uint8_t data,
                  const Secret& key = test_key());
Frames write_config(uint32_t counter, uint16_t address, uint8_t value,
                    const Secret& key = test_key());
Frame result_read(uint16_t count = 1);
// `frames` and a RESULT_READ.
Frames with_result(Frames frames);

Bytes to_bytes(const Frames& frames);
Frames to_frames(const Bytes& bytes);

}  // namespace stratos::test
