// SPDX-License-Identifier: Apache-2.0
// The ivshmem server protocol, which stock QEMU speaks as a client: numbers of 64
// bits, some with a descriptor, from the server to the client only. In this order:
// the version, the client's own id, kMemory with the memory, each other peer's id
// with its bell (once per vector), the client's own id with its bell (once per
// vector).

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "runtime/unique_fd.h"

namespace stratos::ivshmem {

inline constexpr int64_t kProtocolVersion = 0;
inline constexpr int64_t kMemory = -1;

// The two seats of a link (Documentation/transport.rst, "Doorbells").
inline constexpr uint16_t kDevicePeer = 1;
inline constexpr uint16_t kDriverPeer = 2;

// Bells of one seat.
inline constexpr uint16_t kMaxVectors = 32;

// What the other peer writes to its doorbell register to ring `vector` of `peer`.
constexpr uint32_t doorbell_value(uint16_t peer, uint16_t vector) {
  return uint32_t{peer} << 16 | vector;
}

struct Message {
  int64_t value = 0;
  runtime::UniqueFd fd;  // may be invalid
};

// Sends without blocking. A client that takes no message now never gets a whole one.
std::expected<void, std::error_code> send_message(int socket, int64_t value, int fd = -1);

// Puts messages together from what a non-blocking stream socket has.
class MessageReader {
 public:
  // The next message; nullopt if there is none yet. The error says, for a log, why
  // there will be no more.
  std::expected<std::optional<Message>, std::string> read(int socket);

 private:
  std::array<std::byte, sizeof(int64_t)> bytes_{};
  size_t have_ = 0;
  std::vector<runtime::UniqueFd> fds_;  // of the message that is not whole yet
};

}  // namespace stratos::ivshmem
