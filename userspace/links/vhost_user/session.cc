// SPDX-License-Identifier: Apache-2.0
// The conversation. What the requests do is in session_requests.cc and session_rings.cc.

#include "links/vhost_user/session.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace stratos::links::vhost_user {
namespace {

// Messages of one front-end before others have their turn.
constexpr int kMessagesPerTurn = 64;

constexpr uint64_t kAcknowledged = 0;
constexpr uint64_t kRefused = 1;

}  // namespace

Session::Session(runtime::Loop& loop, ServedDevice& device, runtime::UniqueFd socket)
    : loop_(loop),
      device_(device),
      socket_(std::move(socket)),
      ring_count_(device.instance().queue_count()),
      watch_(loop, socket_.get(), POLLIN | POLLRDHUP, [this](int32_t) { readable_ = true; }) {
  device_.listen(this);
}

Session::~Session() {
  device_.listen(nullptr);
  // The ring holds the socket until the watch is gone; the front-end hears it now.
  shutdown(socket_.get(), SHUT_RDWR);
}

void Session::end(std::string why, bool usual) {
  if (over_) return;
  over_ = std::move(why);
  went_away_ = usual;
  message_ = nullptr;
}

void Session::check() {
  char byte = 0;
  const ssize_t got = recv(socket_.get(), &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) end("it went", true);
}

void Session::check_memory() {
  if (memory_.cut_off() || device_.region_cut_off()) end("it cut off memory that it shares");
}

bool Session::work() {
  for (int left = kMessagesPerTurn; left != 0 && !over_; --left) {
    if (message_ == nullptr) {
      if (!std::exchange(readable_, false)) return false;
      auto next = reader_.read(socket_.get());
      if (!next) {
        end(next.error().why, !next.error().malformed);
        return false;
      }
      if (*next == nullptr) return false;
      readable_ = true;
      ++counters_.messages;
      message_ = *next;
    }
    if (needs_quiet(*message_) && !device_.quiet()) {
      device_.ask_quiet();
      return false;
    }
    answer(*std::exchange(message_, nullptr));
    if (!over_) device_.apply(wanted());
  }
  return !over_;
}

// What the front-end may not even say.
Session::Result Session::check_shape(const Message& message, const MessageShape* shape) const {
  if (shape == nullptr) {
    return std::unexpected(fmt::format("request {} is not known", message.header.request));
  }
  if (shape->feature && !negotiated(*shape->feature)) {
    return std::unexpected(fmt::format("{} without protocol feature {}", shape->name,
                                       static_cast<unsigned>(*shape->feature)));
  }
  if (message.header.size < shape->min_size || message.header.size > shape->max_size) {
    return std::unexpected(fmt::format("{} of {} bytes", shape->name, message.header.size));
  }
  if (message.fds.size() > shape->max_fds) {
    return std::unexpected(fmt::format("{} with {} descriptors", shape->name, message.fds.size()));
  }
  return {};
}

void Session::answer(Message& message) {
  const MessageShape* shape = shape_of(message.header.request);
  if (auto fine = check_shape(message, shape); !fine) {
    // A newer front-end may try its luck, if it can hear the answer.
    if (shape == nullptr) return refuse(message, fine.error());
    return end(fine.error());
  }
  request_ = shape->request;
  answered_ = false;
  const Result done = handle(message);
  message.fds.clear();
  if (over_ || answered_) return;
  if (!done) return refuse(message, fmt::format("{}: {}", shape->name, done.error()));
  if (message.header.need_reply && negotiated(ProtocolFeature::kReplyAck) && !shape->answered) {
    reply_word(kAcknowledged);
  }
}

void Session::refuse(const Message& message, const std::string& why) {
  ++counters_.refused;
  if (!message.header.need_reply || !negotiated(ProtocolFeature::kReplyAck)) return end(why);
  request_ = static_cast<Request>(message.header.request);
  reply_word(kRefused);
}

void Session::reply(std::span<const std::byte> payload, int fd) {
  answered_ = true;
  const Header header{.request = static_cast<uint32_t>(request_),
                      .reply = true,
                      .size = static_cast<uint32_t>(payload.size())};
  if (!send_message(socket_.get(), header, payload, fd)) end("it does not read its answers");
}

void Session::reply_word(uint64_t value) {
  std::array<std::byte, sizeof(uint64_t)> payload{};
  encode_word(payload, value);
  reply(payload);
}

// ---- The device ----

ServedDevice::Wanted Session::wanted() {
  ServedDevice::Wanted wanted;
  // A front-end that passes its driver's status on says when. QEMU's generic device has
  // STATUS and says FEATURES_OK alone, ever; its rings say when, as without STATUS.
  constexpr uint8_t kHasDriver = virtio::kStatusDriver | virtio::kStatusDriverOk;
  wanted.on = features_ && (status_ & kHasDriver) != virtio::kStatusDriver;
  if (!wanted.on) return wanted;
  wanted.features = *features_;
  wanted.memory = memory_.memory();
  for (uint16_t index = 0; index < ring_count_; ++index) {
    const Vring& ring = rings_[index];
    wanted.moved = wanted.moved || ring.position() != virtio::QueuePosition();
    if (!ring.wanted()) continue;
    const auto setup = ring.setup(memory_);
    if (!setup) continue;
    wanted.queues |= uint32_t{1} << index;
    wanted.setups[index] = *setup;
  }
  return wanted;
}

void Session::kick(uint16_t index) { device_.kick(index); }

void Session::on_used(uint16_t queue) {
  if (!rings_[queue].call() && backend_channel_ &&
      negotiated(ProtocolFeature::kInbandNotifications)) {
    backend_channel_->call(queue);
  }
}

void Session::on_config_changed() {
  if (backend_channel_) backend_channel_->config_changed();
}

void Session::on_queue_broken(uint16_t queue) {
  if (!rings_[queue].signal_error() && backend_channel_ &&
      negotiated(ProtocolFeature::kInbandNotifications)) {
    backend_channel_->signal_error(queue);
  }
}

}  // namespace stratos::links::vhost_user
