// SPDX-License-Identifier: Apache-2.0
#include "hosts/can_timing.h"

namespace stratos::hosts {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

// One stuff bit per four bits behind the first, at worst.
constexpr uint64_t stuffed(uint64_t bits) { return bits + (bits - 1) / 4; }

uint64_t classic_bits(const can::Frame& frame) {
  // Start to CRC: start bit, identifier and control, CRC 15; all of it is stuffed.
  const uint64_t header = frame.extended ? 54 : 34;
  const uint64_t payload = frame.remote ? 0 : uint64_t{8} * frame.length;
  // CRC delimiter, ACK and its delimiter, end of frame 7, pause 3.
  return stuffed(header + payload) + 13;
}

struct FdBits {
  uint64_t nominal;
  uint64_t data;
};

FdBits fd_bits(const can::Frame& frame) {
  // Start bit to BRS.
  const uint64_t header = frame.extended ? 36 : 17;
  // ESI and DLC, then the payload; then the stuff count 4 and the CRC with their
  // fixed stuff bits, and the CRC delimiter.
  const uint64_t payload = 5 + uint64_t{8} * frame.length;
  const uint64_t check = frame.length <= 16 ? 4 + 17 + 6 : 4 + 21 + 7;
  // ACK and its delimiter, end of frame 7, pause 3.
  return {.nominal = stuffed(header) + 12, .data = stuffed(payload) + check + 1};
}

}  // namespace

uint64_t arbitration_key(const can::Frame& frame) {
  const auto flag = [](bool set, unsigned shift) { return uint64_t{set} << shift; };
  constexpr unsigned kBaseShift = 22;
  if (!frame.extended) {
    // Identifier, RTR, IDE dominant, FDF.
    return uint64_t{frame.id} << kBaseShift | flag(frame.remote, 21) | flag(frame.fd, 19);
  }
  // First 11 bits, SRR and IDE recessive, the other 18 bits, RTR, FDF.
  const uint64_t base = frame.id >> 18;
  const uint64_t rest = frame.id & 0x3ffff;
  return base << kBaseShift | flag(true, 21) | flag(true, 20) | rest << 2 | flag(frame.remote, 1) |
         flag(frame.fd, 0);
}

std::chrono::nanoseconds frame_time(const can::Frame& frame, const BitRate& rate) {
  if (rate.nominal == 0) return {};
  const auto time = [](uint64_t bits, uint32_t per_second) {
    return std::chrono::nanoseconds(bits * kNanosecondsPerSecond / per_second);
  };
  if (!frame.fd) return time(classic_bits(frame), rate.nominal);
  const FdBits bits = fd_bits(frame);
  return time(bits.nominal, rate.nominal) +
         time(bits.data, rate.data != 0 ? rate.data : rate.nominal);
}

}  // namespace stratos::hosts
