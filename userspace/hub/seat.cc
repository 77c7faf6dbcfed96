// SPDX-License-Identifier: Apache-2.0
#include "hub/seat.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "ivshmem/protocol.h"

namespace stratos::hub {
namespace {

using runtime::UniqueFd;

// Who connected, for the log.
std::string describe(int client) {
  ucred who{};
  socklen_t size = sizeof(who);
  if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return "somebody";
  return fmt::format("process {} of user {}", who.pid, who.uid);
}

}  // namespace

Seat::Seat(runtime::Loop& loop, SeatName name, runtime::SocketClaim claim, uint16_t peer,
           SeatParts parts)
    : loop_(loop),
      name_(std::move(name)),
      log_(fmt::format("{} {} seat", name_.link, name_.side)),
      claim_(std::move(claim)),
      peer_(peer),
      bells_(std::move(parts.bells)),
      client_(std::move(parts.client)) {}

Seat::~Seat() = default;

std::expected<void, std::string> Seat::open(const Gift& gift, uid_t owner, gid_t group,
                                            mode_t mode) {
  gift_ = gift;
  auto listener = claim_.listen(owner, group, mode);
  if (!listener) return std::unexpected(std::move(listener.error()));
  listener_ = std::move(*listener);
  listener_watch_ = std::make_unique<runtime::FdWatch>(loop_, listener_.get(), POLLIN,
                                                       [this](int32_t) { on_connections(); });
  // Who left while no hub was there is noticed at once.
  if (taken()) watch_client();
  return {};
}

void Seat::on_connections() {
  for (;;) {
    UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (client) {
      receive(std::move(client));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno != EAGAIN) log_.error("cannot accept: {}", std::strerror(errno));
    return;
  }
}

void Seat::receive(UniqueFd client) {
  // Whoever sat here may have gone with the news still under way.
  if (taken()) check_client();
  const std::string who = describe(client.get());
  if (taken()) {
    log_.warn("{} was sent away: the seat is taken", who);
    return;
  }
  if (!send_gift(client.get())) {
    log_.warn("{} went before it was served", who);
    return;
  }
  client_ = std::move(client);
  watch_client();
  // Not before: who has not got everything would wait for it at the next hub in vain.
  keep_client(name_, client_.get());
  log_.info("{} took the seat", who);
}

// QEMU waits for all of this before it goes on, so it leaves at once and whole: a new
// socket has room for it.
bool Seat::send_gift(int client) {
  if (!ivshmem::send_message(client, ivshmem::kProtocolVersion)) return false;
  if (!ivshmem::send_message(client, peer_)) return false;
  if (!ivshmem::send_message(client, ivshmem::kMemory, gift_.memory)) return false;
  for (const runtime::EventFd& bell : gift_.other->bells()) {
    if (!ivshmem::send_message(client, gift_.other->peer(), bell.fd())) return false;
  }
  for (const runtime::EventFd& bell : bells_) {
    if (!ivshmem::send_message(client, peer_, bell.fd())) return false;
  }
  return true;
}

void Seat::watch_client() {
  client_watch_ = std::make_unique<runtime::FdWatch>(loop_, client_.get(), POLLIN | POLLRDHUP,
                                                     [this](int32_t) { check_client(); });
}

void Seat::check_client() {
  if (taken() && !client_is_there()) free_seat();
}

bool Seat::client_is_there() {
  char byte = 0;
  const ssize_t got = recv(client_.get(), &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) {
    log_.info("the seat is free again");
  } else {
    log_.warn("the client spoke, which is not in the protocol: it was sent away");
  }
  return false;
}

void Seat::free_seat() {
  // The ring holds the socket until the watch is gone; the client hears it now.
  shutdown(client_.get(), SHUT_RDWR);
  client_watch_.reset();
  client_.reset();
  forget_client(name_);
}

}  // namespace stratos::hub
