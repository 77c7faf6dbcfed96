// SPDX-License-Identifier: Apache-2.0
#include "links/shm/hub_peer.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <expected>
#include <optional>
#include <utility>

#include "ivshmem/protocol.h"
#include "links/shm/hub_attachment.h"

namespace stratos::links {

// What the hub says at the beginning, in its order (ivshmem/protocol.h).
class HubPeer::Burst {
 public:
  ivshmem::MessageReader reader;

  // False if this is not how a hub speaks; why() says so.
  bool take(ivshmem::Message message) {
    switch (step_) {
      case Step::kVersion:
        step_ = Step::kId;
        return message.value == ivshmem::kProtocolVersion || refuse("it speaks another protocol");
      case Step::kId:
        step_ = Step::kMemory;
        if (message.value == ivshmem::kDevicePeer) return true;
        return refuse("this is not a device socket: name the hub's device_socket");
      case Step::kMemory:
        step_ = Step::kBells;
        memory_ = std::move(message.fd);
        return (message.value == ivshmem::kMemory && memory_.valid()) ||
               refuse("it gave no memory");
      case Step::kBells:
        return take_bell(std::move(message));
    }
    return false;
  }

  // Each side has as many bells as the other, and its own come last.
  bool complete() const { return own_bells_ != 0 && own_bells_ == peer_bells_; }
  const std::string& why() const { return why_; }
  const runtime::UniqueFd& memory() const { return memory_; }

  std::expected<std::unique_ptr<Attachment>, std::string> attachment() {
    return HubAttachment::create(memory_, std::move(*own_), std::move(*peer_));
  }

 private:
  enum class Step : uint8_t { kVersion, kId, kMemory, kBells };

  bool refuse(const char* why) {
    why_ = why;
    return false;
  }

  bool take_bell(ivshmem::Message message) {
    const bool mine = message.value == ivshmem::kDevicePeer;
    if (!mine && message.value != ivshmem::kDriverPeer) return refuse("it named an unknown peer");
    auto bell = runtime::EventFd::adopt(std::move(message.fd));
    if (!bell) return refuse("it gave a doorbell that is none");
    unsigned& count = mine ? own_bells_ : peer_bells_;
    if (++count > ivshmem::kMaxVectors) return refuse("it gave too many doorbells");
    if (count == 1) (mine ? own_ : peer_).emplace(std::move(*bell));
    return true;
  }

  Step step_ = Step::kVersion;
  runtime::UniqueFd memory_;
  std::optional<runtime::EventFd> own_;
  std::optional<runtime::EventFd> peer_;
  unsigned own_bells_ = 0;
  unsigned peer_bells_ = 0;
  std::string why_;
};

HubPeer::HubPeer(runtime::Loop& loop, std::string device_socket, Listener listener,
                 const Timing& timing)
    : loop_(loop),
      path_(std::move(device_socket)),
      listener_(std::move(listener)),
      timing_(timing),
      log_("hub " + path_),
      timer_(loop, [this] {
        if (!socket_) return connect();
        on_closed("it says nothing");
      }) {
  timer_.start_once(std::chrono::nanoseconds(0));
}

HubPeer::~HubPeer() { disconnect(); }

void HubPeer::connect() {
  socket_.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.c_str(),
              std::min(path_.size(), sizeof(address.sun_path) - 1));
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return on_closed(std::strerror(errno));
  }
  burst_ = std::make_unique<Burst>();
  watch_ = std::make_unique<runtime::FdWatch>(loop_, socket_.get(), POLLIN | POLLRDHUP,
                                              [this](int32_t) { on_readable(); });
  timer_.start_once(timing_.patience);
}

void HubPeer::on_readable() {
  while (socket_) {
    auto message = burst_->reader.read(socket_.get());
    if (!message) return on_closed(message.error());
    if (!message->has_value()) return;
    // A seat hears nothing more from a hub, and what it does say changes nothing.
    if (seated_) continue;
    if (!burst_->take(std::move(**message))) return on_closed(burst_->why());
    if (burst_->complete()) take_seat();
  }
}

void HubPeer::take_seat() {
  struct stat status {};
  fstat(burst_->memory().get(), &status);
  auto attachment = burst_->attachment();
  if (!attachment) return on_closed(attachment.error());
  timer_.stop();
  seated_ = true;
  last_complaint_.clear();
  log_.info("took the device's seat");
  // The same hub as before: what it gave then is what it gave now.
  if (std::exchange(memory_, status.st_ino) == status.st_ino) return;
  listener_.on_attached(std::move(*attachment));
}

void HubPeer::on_closed(const std::string& why) {
  const bool lost = std::exchange(seated_, false);
  disconnect();
  timer_.start_once(timing_.retry);
  if (lost) {
    log_.warn("the hub went away; the link goes on with what it has");
    listener_.on_hub_lost();
  } else {
    complain(why);
  }
}

// Once per reason, not once per attempt.
void HubPeer::complain(const std::string& why) {
  if (why == last_complaint_) return;
  last_complaint_ = why;
  log_.warn("no seat yet: {}; trying again", why);
}

void HubPeer::disconnect() {
  // The ring holds the socket until the watch is gone; the hub hears it now.
  if (socket_) shutdown(socket_.get(), SHUT_RDWR);
  watch_.reset();
  socket_.reset();
}

}  // namespace stratos::links
