// SPDX-License-Identifier: Apache-2.0
#include "vhost_user/front_end.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <utility>

#include "runtime/test_loop.h"
#include "virtio/features.h"

namespace stratos::links::vhost_user {
namespace {

constexpr size_t kBufferSize = 256;

runtime::UniqueFd connect_to(const std::string& path) {
  runtime::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    throw std::runtime_error(path + ": " + std::strerror(errno));
  }
  return fd;
}

bool take(int socket, std::span<std::byte> into, runtime::UniqueFd& fd, bool& open) {
  iovec bytes{.iov_base = into.data(), .iov_len = into.size()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t got = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got == 0 || (got < 0 && errno != EAGAIN)) open = false;
  if (const cmsghdr* rights = got > 0 ? CMSG_FIRSTHDR(&header) : nullptr) {
    int received = -1;
    std::memcpy(&received, CMSG_DATA(rights), sizeof(received));
    fd.reset(received);
  }
  return got == static_cast<ssize_t>(into.size());
}

}  // namespace

GuestMemory::GuestMemory(size_t size, uint64_t guest, unsigned seals)
    : fd_(memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
  EXPECT_EQ(ftruncate(fd_.get(), static_cast<off_t>(size)), 0);
  if (seals != 0) {
    EXPECT_EQ(fcntl(fd_.get(), F_ADD_SEALS, seals), 0);
  }
  mapping_ = std::move(*runtime::Mapping::map(fd_.get(), size));
  region_ = {.guest = guest, .size = size, .user = guest + kUserOffset, .offset = 0};
  driver_ = std::make_unique<test::DriverMemory>(mapping_.bytes(), guest);
}

FrontEnd::FrontEnd(runtime::Loop& loop, const std::string& path)
    : FrontEnd(loop, connect_to(path)) {}

FrontEnd::FrontEnd(runtime::Loop& loop, runtime::UniqueFd socket)
    : loop_(loop),
      socket_(std::move(socket)),
      watch_(loop, socket_.get(), POLLIN | POLLRDHUP, [](int32_t) {}) {}

// ---- Messages ----

void FrontEnd::send(Request request, const Bytes& payload, const std::vector<int>& fds,
                    bool need_reply) {
  std::array<std::byte, kHeaderSize> head{};
  encode_header(head, {.request = static_cast<uint32_t>(request),
                       .need_reply = need_reply,
                       .size = static_cast<uint32_t>(payload.size())});
  Bytes bytes(head.begin(), head.end());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  Bytes control(CMSG_SPACE(fds.size() * sizeof(int)));
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size() * sizeof(int));
  }
  while (sendmsg(socket_.get(), &message, MSG_NOSIGNAL) < 0 && errno == EAGAIN) loop_.turn(false);
}

void FrontEnd::write(const Bytes& bytes) {
  EXPECT_EQ(::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

std::optional<Reply> FrontEnd::receive() {
  std::array<std::byte, kHeaderSize> head{};
  Reply reply;
  bool open = true;
  const bool came = runtime::turn_until(
      loop_, [&] { return take(socket_.get(), head, reply.fd, open) || !open; });
  if (!came || !open) return std::nullopt;
  const auto header = decode_header(head);
  EXPECT_TRUE(header && header->reply);
  if (!header) return std::nullopt;
  reply.header = *header;
  reply.payload.resize(header->size);
  if (header->size != 0 && !take(socket_.get(), reply.payload, reply.fd, open)) {
    return std::nullopt;
  }
  return reply;
}

std::optional<Reply> FrontEnd::ask(Request request, const Bytes& payload,
                                   const std::vector<int>& fds) {
  send(request, payload, fds);
  return receive();
}

std::optional<bool> FrontEnd::acknowledged(Request request, const Bytes& payload,
                                           const std::vector<int>& fds) {
  send(request, payload, fds, true);
  const auto reply = receive();
  if (!reply) return std::nullopt;
  return word_of(reply->payload) == 0;
}

bool FrontEnd::hung_up() {
  bool open = true;
  return runtime::turn_until(loop_, [&] {
    std::array<std::byte, 1> byte{};
    runtime::UniqueFd fd;
    while (take(socket_.get(), byte, fd, open)) {
    }
    return !open;
  });
}

// ---- What every front-end does ----

void FrontEnd::negotiate(uint64_t features, uint64_t protocol) {
  features_ = ask_word(Request::kGetFeatures) & features & ~kFeatureProtocol;
  protocol_ = ask_word(Request::kGetProtocolFeatures) & protocol;
  if (protocol_ != 0) send(Request::kSetProtocolFeatures, word(protocol_));
  send(Request::kSetOwner);
  send(Request::kSetFeatures, word(features_ | (protocol_ != 0 ? kFeatureProtocol : 0)));
}

void FrontEnd::share(GuestMemory& memory) {
  memory_ = &memory;
  if (has(ProtocolFeature::kConfigureMemSlots)) {
    Bytes payload = word(0);
    const Bytes region = bytes_of(memory.region());
    payload.insert(payload.end(), region.begin(), region.end());
    send(Request::kAddMemReg, payload, {memory.fd()});
  } else {
    Bytes payload = state(1, 0);
    const Bytes region = bytes_of(memory.region());
    payload.insert(payload.end(), region.begin(), region.end());
    send(Request::kSetMemTable, payload, {memory.fd()});
  }
}

void FrontEnd::make_ring(uint16_t index, uint16_t size) {
  rings_[index].queue = test::DriverQueue::make(
      memory_->driver(), {.size = size,
                          .packed = (features_ & virtio::kFeatureRingPacked) != 0,
                          .event_idx = (features_ & virtio::kFeatureEventIdx) != 0,
                          .indirect = (features_ & virtio::kFeatureIndirectDesc) != 0});
}

void FrontEnd::take_ring(uint16_t index, std::unique_ptr<test::DriverQueue> queue) {
  rings_[index].queue = std::move(queue);
}

std::unique_ptr<test::DriverQueue> FrontEnd::leave_ring(uint16_t index) {
  return std::move(rings_[index].queue);
}

VringAddress FrontEnd::address_of(uint16_t index) const {
  const virtio::QueueSetup& setup = rings_[index].queue->setup();
  return {.index = index,
          .flags = 0,
          .desc = setup.desc + GuestMemory::kUserOffset,
          .used = setup.device + GuestMemory::kUserOffset,
          .avail = setup.driver + GuestMemory::kUserOffset,
          .log = 0};
}

uint32_t FrontEnd::first_base() const {
  return (features_ & virtio::kFeatureRingPacked) != 0 ? 0x80008000 : 0;
}

void FrontEnd::describe_ring(uint16_t index, uint32_t base) {
  FrontRing& ring = rings_[index];
  ring.kick.emplace(std::move(*runtime::EventFd::create()));
  ring.call.emplace(std::move(*runtime::EventFd::create()));
  ring.error.emplace(std::move(*runtime::EventFd::create()));
  ring.call_watch =
      std::make_unique<runtime::FdWatch>(loop_, ring.call->fd(), POLLIN, [](int32_t) {});
  send(Request::kSetVringNum, state(index, ring.queue->setup().size));
  send(Request::kSetVringBase, state(index, base));
  send(Request::kSetVringAddr, bytes_of(address_of(index)));
  send(Request::kSetVringKick, word(index), {ring.kick->fd()});
  send(Request::kSetVringCall, word(index), {ring.call->fd()});
  send(Request::kSetVringErr, word(index), {ring.error->fd()});
}

uint32_t FrontEnd::used_base(uint16_t index) const {
  uint16_t used = 0;
  std::memcpy(&used, memory_->driver().at(rings_[index].queue->setup().device + 2), sizeof(used));
  return used;
}

Reply FrontEnd::get_inflight(uint16_t queues) {
  Bytes payload(24);
  const std::array<uint16_t, 2> sizes{queues, rings_[0].queue->setup().size};
  std::memcpy(payload.data() + 16, sizes.data(), sizeof(sizes));
  auto reply = ask(Request::kGetInflightFd, payload);
  if (!reply || !reply->fd) throw std::runtime_error("no inflight memory");
  return std::move(*reply);
}

void FrontEnd::set_inflight(const Reply& inflight) {
  send(Request::kSetInflightFd, inflight.payload, {inflight.fd.get()});
}

uint32_t FrontEnd::stop_ring(uint16_t index) {
  const auto reply = ask(Request::kGetVringBase, state(index, 0));
  if (!reply) throw std::runtime_error("no answer to GET_VRING_BASE");
  return static_cast<uint32_t>(word_of(reply->payload) >> 32);
}

void FrontEnd::come_up(GuestMemory& memory, uint64_t features, uint64_t protocol) {
  negotiate(features, protocol);
  share(memory);
  for (uint16_t index = 0; index < 2; ++index) {
    if (!rings_[index].queue) make_ring(index);
  }
  start_rings({first_base(), first_base()});
}

void FrontEnd::start_rings(const std::vector<uint32_t>& bases) {
  for (uint16_t index = 0; index < bases.size(); ++index) describe_ring(index, bases[index]);
  for (uint16_t index = 0; index < bases.size(); ++index) {
    if (protocol_ != 0) enable_ring(index);
  }
  if (has(ProtocolFeature::kStatus)) set_status(0x0f);
  settle();
}

uint16_t FrontEnd::submit(const std::string& text) {
  uint64_t& buffer = buffers_[next_buffer_++ % buffers_.size()];
  if (buffer == 0) buffer = memory_->driver().allocate(2 * kBufferSize);
  const auto size = static_cast<uint32_t>(text.size());
  std::memcpy(memory_->driver().at(buffer), text.data(), text.size());
  const test::Buffer in{buffer, size}, out{buffer + kBufferSize, size};
  test::DriverQueue& queue = *rings_[0].queue;
  const auto id = queue.add({&in, 1}, {&out, 1});
  if (!id) throw std::runtime_error("the ring is full");
  queue.publish();
  if (queue.kick_needed() && rings_[0].kick) rings_[0].kick->ring();
  return *id;
}

std::optional<test::Used> FrontEnd::wait_used(uint16_t index) {
  std::optional<test::Used> used;
  runtime::turn_until(
      loop_, [&] { return (used = take_used(index)).has_value(); }, std::chrono::seconds(3));
  return used;
}

std::optional<test::Used> FrontEnd::take_used(uint16_t index) {
  test::DriverQueue& queue = *rings_[index].queue;
  if (auto used = queue.get_used()) return used;
  return queue.enable_notifications() ? queue.get_used() : std::nullopt;
}

std::optional<std::string> FrontEnd::echo(const std::string& text) {
  const size_t place = next_buffer_ % buffers_.size();
  submit(text);
  const auto used = wait_used(0);
  if (!used) return std::nullopt;
  return std::string(
      reinterpret_cast<const char*>(memory_->driver().at(buffers_[place] + kBufferSize)),
      used->length);
}

}  // namespace stratos::links::vhost_user
