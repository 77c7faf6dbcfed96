// SPDX-License-Identifier: Apache-2.0
// vhost-user messages with their descriptors, over a stream socket that never blocks.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "links/vhost_user/messages.h"
#include "runtime/unique_fd.h"

namespace stratos::links::vhost_user {

struct Message {
  Header header;
  std::array<std::byte, kMaxPayload> bytes;  // header.size of them
  std::vector<runtime::UniqueFd> fds;

  Payload payload() const { return std::span(bytes).first(header.size); }
};

// Why there will be no more messages.
struct StreamEnd {
  std::string why;         // for a log
  bool malformed = false;  // what came was no message
};

// Puts messages together from what the socket has. At most one message is held, and no
// byte of the next one is taken before this one is complete, so that descriptors stay
// with their message.
class MessageReader {
 public:
  // The next message; nullopt if it is not whole yet. It stays valid until the next call.
  std::expected<Message*, StreamEnd> read(int socket);

 private:
  std::expected<size_t, StreamEnd> receive(int socket, std::span<std::byte> into);
  std::expected<void, StreamEnd> take_header();

  std::array<std::byte, kHeaderSize> head_{};
  size_t have_ = 0;  // bytes of header and payload
  bool complete_ = true;
  Message message_;
};

// False if the socket takes no whole message now: whoever does not read is given up.
// `fd` goes along unless it is -1.
bool send_message(int socket, const Header& header, std::span<const std::byte> payload,
                  int fd = -1);

}  // namespace stratos::links::vhost_user
