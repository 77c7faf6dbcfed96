// SPDX-License-Identifier: Apache-2.0
// The socket between a vhost-user front-end and its back-end: one request at a time, and every wait
// has an end. What goes wrong is thrown as std::runtime_error.

#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "runtime/unique_fd.h"
#include "vhost_user_wire.h"

namespace stratos::test {

class VhostUserChannel {
 public:
  struct Reply {
    std::vector<std::byte> payload;
    std::vector<runtime::UniqueFd> fds;
  };

  explicit VhostUserChannel(runtime::UniqueFd socket);
  // To a back-end that listens at `path`, or will before `patience` is over.
  static VhostUserChannel connect(const std::string& path,
                                  std::chrono::milliseconds patience = std::chrono::seconds(5));

  // From now on tell() waits until the back-end has done what it was told (REPLY_ACK).
  void expect_acknowledgements() { acknowledged_ = true; }

  // A request without a reply of its own; throws if the back-end refuses it.
  void tell(vhost_user::Request request, std::span<const std::byte> payload = {},
            std::span<const int> fds = {});
  template <typename Payload>
  void tell(vhost_user::Request request, const Payload& payload, std::span<const int> fds = {}) {
    tell(request, std::as_bytes(std::span(&payload, 1)), fds);
  }

  // A request with a reply of its own.
  Reply ask(vhost_user::Request request, std::span<const std::byte> payload = {});
  // The same where question and answer have the same type.
  template <typename Payload>
  Payload ask_for(vhost_user::Request request, Payload payload = {}) {
    copy_reply(ask(request, std::as_bytes(std::span(&payload, 1))),
               std::as_writable_bytes(std::span(&payload, 1)));
    return payload;
  }
  // A number that is asked for without a payload.
  uint64_t ask_for_number(vhost_user::Request request);

 private:
  void send(uint32_t request, uint32_t flags, std::span<const std::byte> payload,
            std::span<const int> fds);
  vhost_user::Header receive(Reply& into);
  void read_all(std::span<std::byte> into, std::vector<runtime::UniqueFd>* fds);
  static void copy_reply(const Reply& reply, std::span<std::byte> into);

  runtime::UniqueFd socket_;
  bool acknowledged_ = false;
};

}  // namespace stratos::test
