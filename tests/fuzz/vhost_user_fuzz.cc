// SPDX-License-Identifier: Apache-2.0
// A vhost-user back-end against a front-end that says what it likes, with whatever
// descriptors, and writes what it likes to the memory that it shares.
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <utility>

#include "input.h"
#include "links/vhost_user/message_stream.h"
#include "links/vhost_user/messages.h"
#include "links/vhost_user/vhost_user_link.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/unique_fd.h"
#include "virtio/echo_device.h"
#include "virtio/endian.h"

namespace stratos::fuzz {
namespace {

using links::VhostUserLink;
using links::vhost_user::Header;
using links::vhost_user::Request;
using runtime::UniqueFd;

constexpr size_t kMemorySize = 64 << 10;
constexpr uint64_t kUserAddress = 0x7000'0000;
constexpr size_t kFds = 3;

runtime::Loop& the_loop() {
  static const auto loop = [] {
    runtime::set_log_level(runtime::LogLevel::kError);
    return std::move(*runtime::Loop::create({}));
  }();
  return *loop;
}

struct NoObserver final : virtio::Observer {
  void on_event(virtio::Event, uint16_t, uint32_t) override {}
};

class FrontEnd {
 public:
  explicit FrontEnd(Input& input) : input_(input) {
    memory_file_ = UniqueFd(memfd_create("guest", MFD_CLOEXEC));
    require(ftruncate(memory_file_.get(), kMemorySize) == 0);
    void* const base =
        mmap(nullptr, kMemorySize, PROT_READ | PROT_WRITE, MAP_SHARED, memory_file_.get(), 0);
    require(base != MAP_FAILED);
    memory_ = std::span(static_cast<std::byte*>(base), kMemorySize);
    bell_ = UniqueFd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    VhostUserLink::Options options;
    options.ring_features |= virtio::kFeatureRingPacked;
    options.drain = std::chrono::milliseconds(0);
    link_ = std::move(*VhostUserLink::create(the_loop(), "fuzz", observer_, device_, options));
    listen();
    connect();
  }
  ~FrontEnd() {
    socket_.reset();
    for (int i = 0; i < 3; ++i) the_loop().turn(false);
    link_.reset();
    munmap(memory_.data(), memory_.size());
  }

  void run() {
    if (input_.chance()) set_up();
    while (input_.more()) {
      switch (input_.up_to(7)) {
        case 0:
          input_.scribble(memory_, 64);
          break;
        case 1:
          send_bytes();
          break;
        case 2:
          eventfd_write(bell_.get(), 1);
          turn();
          break;
        case 3:
          if (input_.up_to(15) == 0) connect();
          break;
        case 4:
          turn();
          break;
        default:
          send_message();
          break;
      }
    }
  }

 private:
  void listen() {
    UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    // A name that the kernel chooses.
    require(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)) == 0);
    address_length_ = sizeof(address_);
    require(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address_), &address_length_) ==
            0);
    require(::listen(listener.get(), 4) == 0);
    link_->listen(std::move(listener));
  }

  void connect() {
    socket_.reset();
    turn();
    socket_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address_), address_length_);
    turn();
  }

  void turn() {
    the_loop().turn(false);
    std::array<std::byte, 512> ignored{};
    while (recv(socket_.get(), ignored.data(), ignored.size(), MSG_DONTWAIT) > 0) {
    }
  }

  void send(Request request, std::span<const uint64_t> words, bool with_fd = false) {
    std::vector<std::byte> payload(words.size_bytes());
    std::copy_n(reinterpret_cast<const std::byte*>(words.data()), payload.size(), payload.begin());
    const Header header{.request = static_cast<uint32_t>(request),
                        .need_reply = input_.chance(),
                        .size = static_cast<uint32_t>(payload.size())};
    const int fd = request == Request::kSetMemTable ? memory_file_.get() : bell_.get();
    links::vhost_user::send_message(socket_.get(), header, payload, with_fd ? fd : -1);
    turn();
  }

  // What a good front-end says before its rings run.
  void set_up() {
    const bool packed = input_.chance();
    const uint64_t features = virtio::kFeatureVersion1 | virtio::kFeatureEventIdx |
                              links::vhost_user::kFeatureProtocol |
                              (packed ? virtio::kFeatureRingPacked : 0);
    send(Request::kGetFeatures, {});
    send(Request::kSetProtocolFeatures, std::array{links::vhost_user::kProtocolFeatures});
    send(Request::kSetFeatures, std::array{features});
    send(Request::kSetMemTable, std::array<uint64_t, 5>{1, 0x1000, kMemorySize, kUserAddress, 0},
         true);
    for (const uint64_t ring : {0, 1}) {
      const uint64_t at = kUserAddress + ring * 0x4000;
      send(Request::kSetVringNum, std::array{ring | uint64_t{16} << 32});
      send(Request::kSetVringBase, std::array{ring});
      send(Request::kSetVringAddr, std::array{ring, at, at + 0x2000, at + 0x1000, uint64_t{0}});
      send(Request::kSetVringCall, std::array{ring}, true);
      send(Request::kSetVringKick, std::array{ring}, true);
      send(Request::kSetVringEnable, std::array{ring | uint64_t{1} << 32});
    }
    send(Request::kSetStatus, std::array{uint64_t{15}});
  }

  void send_message() {
    const auto payload = input_.bytes(64);
    const Header header{.request = input_.up_to<uint32_t>(45),
                        .need_reply = input_.chance(),
                        .size = input_.up_to(7) == 0 ? input_.any<uint32_t>()
                                                     : static_cast<uint32_t>(payload.size())};
    std::array<std::byte, links::vhost_user::kHeaderSize> head{};
    links::vhost_user::encode_header(head, header);
    std::vector<std::byte> bytes(head.begin(), head.end());
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    send_with_fds(bytes, input_.up_to<size_t>(kFds));
  }

  void send_bytes() {
    auto bytes = input_.bytes(64);
    send_with_fds(bytes, input_.up_to<size_t>(kFds));
  }

  void send_with_fds(std::span<std::byte> bytes, size_t count) {
    if (bytes.empty()) return;
    iovec piece{.iov_base = bytes.data(), .iov_len = bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kFds * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (count > 0) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(count * sizeof(int));
      cmsghdr* const head = CMSG_FIRSTHDR(&message);
      head->cmsg_level = SOL_SOCKET;
      head->cmsg_type = SCM_RIGHTS;
      head->cmsg_len = CMSG_LEN(count * sizeof(int));
      std::array<int, kFds> fds{};
      for (int& fd : fds) fd = some_fd();
      std::copy_n(reinterpret_cast<const unsigned char*>(fds.data()), count * sizeof(int),
                  CMSG_DATA(head));
    }
    sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    turn();
  }

  int some_fd() {
    switch (input_.up_to(2)) {
      case 0:
        return bell_.get();
      case 1:
        return memory_file_.get();
      default:
        return socket_.get();
    }
  }

  Input& input_;
  NoObserver observer_;
  test::EchoDevice device_;
  std::unique_ptr<VhostUserLink> link_;
  UniqueFd memory_file_;
  std::span<std::byte> memory_;
  UniqueFd bell_;
  UniqueFd socket_;
  sockaddr_un address_{};
  socklen_t address_length_ = 0;
};

void run(Input& input) { FrontEnd(input).run(); }

}  // namespace
}  // namespace stratos::fuzz

STRATOS_FUZZER(stratos::fuzz::run)
