// SPDX-License-Identifier: Apache-2.0
#include "stratosd/control_server.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace stratos::daemon {
namespace {

void send_and_forget(int fd, const std::string& text) {
  // A client that cannot take even this has its connection closed, which says enough.
  const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  static_cast<void>(sent);
}

}  // namespace

class ControlServer::Client {
 public:
  enum class Progress : uint8_t { kWaits, kHasMore, kOver };

  Client(ControlServer& server, runtime::UniqueFd fd)
      : server_(server), fd_(std::move(fd)), last_progress_(server.loop_.now()) {
    watch();
  }
  ~Client() { ::shutdown(fd_.get(), SHUT_RDWR); }

  // Watches the socket. Reports at once what is there already.
  void watch() {
    watch_.emplace(server_.loop_, fd_.get(), POLLIN | POLLOUT,
                   [this](int32_t result) { server_.serve(*this, result); });
  }
  // Sends, answers and receives until the socket has no more for us, or it is the
  // turn of others.
  Progress go_on();
  uint64_t last_progress() const { return last_progress_; }

 private:
  enum class Io : uint8_t { kDone, kBlocked, kOver };

  Io flush();
  Io receive();
  bool answer_one();

  ControlServer& server_;
  runtime::UniqueFd fd_;
  uint64_t last_progress_;
  std::string in_;
  std::string out_;
  size_t sent_ = 0;
  bool end_of_input_ = false;
  std::optional<runtime::FdWatch> watch_;
};

ControlServer::Client::Io ControlServer::Client::flush() {
  while (sent_ < out_.size()) {
    const ssize_t sent =
        ::send(fd_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return errno == EAGAIN ? Io::kBlocked : Io::kOver;
    sent_ += static_cast<size_t>(sent);
    last_progress_ = server_.loop_.now();
  }
  out_.clear();
  sent_ = 0;
  return Io::kDone;
}

ControlServer::Client::Io ControlServer::Client::receive() {
  std::array<char, control::kMaxRequest> piece;
  const ssize_t got = ::recv(fd_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN ? Io::kBlocked : Io::kOver;
  if (got == 0) end_of_input_ = true;
  in_.append(piece.data(), static_cast<size_t>(got));
  return Io::kDone;
}

// Takes one line off the input; false if there is none.
bool ControlServer::Client::answer_one() {
  const size_t end = in_.find('\n');
  if (end == std::string::npos) return false;
  const auto op = control::parse_request(std::string_view(in_).substr(0, end));
  in_.erase(0, end + 1);
  out_ = op ? control::make_reply(*op, server_.answer_(*op)) : control::make_error(op.error());
  return true;
}

ControlServer::Client::Progress ControlServer::Client::go_on() {
  const auto waits = [](Io io) { return io == Io::kOver ? Progress::kOver : Progress::kWaits; };
  if (const Io io = flush(); io != Io::kDone) return waits(io);
  while (!answer_one()) {
    if (end_of_input_) return Progress::kOver;
    if (in_.size() > control::kMaxRequest) {
      send_and_forget(fd_.get(), control::make_error("the request is too long"));
      return Progress::kOver;
    }
    if (const Io io = receive(); io != Io::kDone) return waits(io);
  }
  const Io io = flush();
  return io == Io::kDone ? Progress::kHasMore : waits(io);
}

ControlServer::ControlServer(runtime::Loop& loop, runtime::UniqueFd listener, Limits limits,
                             Answer answer)
    : loop_(loop),
      listener_(std::move(listener)),
      limits_(limits),
      answer_(std::move(answer)),
      patience_(loop, [this] { drop_idle(); }),
      watch_(loop, listener_.get(), POLLIN, [this](int32_t) { accept_all(); }) {}

ControlServer::~ControlServer() = default;

void ControlServer::accept_all() {
  for (;;) {
    runtime::UniqueFd fd(
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    if (clients_.size() >= limits_.clients) {
      send_and_forget(fd.get(), control::make_error("too many clients; try again later"));
      ::shutdown(fd.get(), SHUT_RDWR);
      ++dropped_;
      continue;
    }
    clients_.push_back(std::make_unique<Client>(*this, std::move(fd)));
    if (!patience_.running()) patience_.start_periodic(limits_.patience / 2);
  }
}

void ControlServer::serve(Client& client, int32_t result) {
  const Client::Progress progress = result < 0 ? Client::Progress::kOver : client.go_on();
  if (progress == Client::Progress::kHasMore) client.watch();
  if (progress == Client::Progress::kOver) {
    clients_.remove_if([&](const auto& candidate) { return candidate.get() == &client; });
  }
}

void ControlServer::drop_idle() {
  const auto patience = static_cast<uint64_t>(std::chrono::nanoseconds(limits_.patience).count());
  dropped_ += clients_.remove_if(
      [&](const auto& client) { return loop_.now() - client->last_progress() >= patience; });
  // Without clients there is nothing to wake up for.
  if (clients_.empty()) patience_.stop();
}

}  // namespace stratos::daemon
