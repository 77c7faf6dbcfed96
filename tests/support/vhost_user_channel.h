// SPDX-License-Identifier: Apache-2.0
// The socket between a vhost-user front-end and its back-end: one request at a time, and every wait
// has an end. What goes wrong is thrown as std::runtime_error.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/unique_fd.h"
#include "vhost_user_wire.h"

namespace stratos::test {

class VhostUserChannel {
 public:
  struct Reply {
    vhost_user::Header header{};
    std::vector<std::byte> payload;
    std::vector<runtime::UniqueFd> fds;
  };

  // Until the socket has one of these POLL* bits; false if it took too long.
  using Wait = std::function<bool(int socket, int16_t events)>;
  static bool sleep(int socket, int16_t events);

  explicit VhostUserChannel(runtime::UniqueFd socket, Wait wait = sleep);
  // To a back-end that listens at `path`, or will soon.
  static VhostUserChannel connect(const std::string& path, Wait wait = sleep);

  // From now on tell() waits until the back-end has done what it was told (REPLY_ACK).
  void expect_acknowledgements() { expects_acknowledgements_ = true; }

  // A request without a reply of its own; throws if the back-end refuses it.
  void tell(vhost_user::Request request, std::span<const std::byte> payload = {},
            std::span<const int> fds = {});
  template <typename Payload>
  void tell(vhost_user::Request request, const Payload& payload, std::span<const int> fds = {}) {
    tell(request, std::as_bytes(std::span(&payload, 1)), fds);
  }
  // The same with REPLY_ACK; false if the back-end refuses it.
  bool acknowledged(vhost_user::Request request, std::span<const std::byte> payload = {},
                    std::span<const int> fds = {});

  // A request with a reply of its own.
  Reply ask(vhost_user::Request request, std::span<const std::byte> payload = {},
            std::span<const int> fds = {});
  // The same where question and answer have the same type.
  template <typename Payload>
  Payload ask_for(vhost_user::Request request, Payload payload = {}) {
    copy_reply(ask(request, std::as_bytes(std::span(&payload, 1))),
               std::as_writable_bytes(std::span(&payload, 1)));
    return payload;
  }
  // A number that is asked for without a payload.
  uint64_t ask_for_number(vhost_user::Request request);

  // ---- The halves of a request ----
  // False if the back-end takes no more.
  bool send(vhost_user::Request request, std::span<const std::byte> payload = {},
            std::span<const int> fds = {}, bool need_reply = false);
  // The next reply; nullopt if the back-end hung up or says nothing.
  std::optional<Reply> receive();
  // Whether the back-end hung up, or does before the wait is over.
  bool hung_up();
  int socket() const { return socket_.get(); }

 private:
  Reply reply_to(vhost_user::Request request);
  bool read_all(std::span<std::byte> into, std::vector<runtime::UniqueFd>& fds);
  static void copy_reply(const Reply& reply, std::span<std::byte> into);

  runtime::UniqueFd socket_;
  Wait wait_;
  bool expects_acknowledgements_ = false;
};

}  // namespace stratos::test
