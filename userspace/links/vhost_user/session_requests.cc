// SPDX-License-Identifier: Apache-2.0
// What concerns the device as a whole: features, status, configuration, state.

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "links/vhost_user/device_state.h"
#include "links/vhost_user/session.h"

namespace stratos::links::vhost_user {
namespace {

constexpr uint32_t kLoad = 1;  // and 0 is to save

constexpr uint64_t kTransferDone = 0;
constexpr uint64_t kTransferFailed = 1;
constexpr uint64_t kUseGivenFd = 0x100;  // the reply brings no descriptor

}  // namespace

Session::Result Session::handle(Message& message) {
  const Payload payload = message.payload();
  switch (request_) {
    case Request::kGetFeatures:
      return reply_word(device_.offered_features() | kFeatureProtocol), Result();
    case Request::kSetFeatures:
      return set_features(decode_word(payload));
    case Request::kSetOwner:
      return {};
    case Request::kGetProtocolFeatures:
      return reply_word(kProtocolFeatures), Result();
    case Request::kSetProtocolFeatures:
      return set_protocol_features(decode_word(payload));
    case Request::kGetQueueNum:
      return reply_word(ring_count_), Result();
    case Request::kSetBackendReqFd:
      return set_backend_channel(message);
    case Request::kGetConfig:
      return get_config(payload);
    case Request::kSetConfig:
      return set_config(payload);
    case Request::kSetStatus:
      return set_status(decode_word(payload));
    case Request::kGetStatus:
      return reply_word(status()), Result();
    case Request::kResetOwner:
    case Request::kResetDevice:
      reset_rings();
      status_ = 0;
      device_.forget();
      return {};
    case Request::kGetInflightFd:
    case Request::kSetInflightFd:
    case Request::kSetDeviceStateFd:
    case Request::kCheckDeviceState:
      return handle_state(message);
    case Request::kSetMemTable:
    case Request::kGetMaxMemSlots:
    case Request::kAddMemReg:
    case Request::kRemMemReg:
      return handle_memory(message);
    default:
      return handle_vring(message);
  }
}

Session::Result Session::set_features(uint64_t features) {
  const uint64_t driver = features & ~kFeatureProtocol;
  if (!device_.acceptable(driver)) {
    return std::unexpected(fmt::format("{:#x} of {:#x}", driver, device_.offered_features()));
  }
  if (device_.running() && features_ != driver) return std::unexpected("while rings run");
  features_ = driver;
  // Without the protocol there is nobody to enable rings.
  rings_enabled_ = (features & kFeatureProtocol) == 0;
  if (rings_enabled_) std::ranges::for_each(rings_, [](Vring& ring) { ring.enable(true); });
  return {};
}

Session::Result Session::set_protocol_features(uint64_t features) {
  if ((features & ~kProtocolFeatures) != 0) {
    return std::unexpected(fmt::format("{:#x} of {:#x}", features, kProtocolFeatures));
  }
  constexpr uint64_t kForInband =
      bit_of(ProtocolFeature::kBackendReq) | bit_of(ProtocolFeature::kReplyAck);
  const bool inband = (features & bit_of(ProtocolFeature::kInbandNotifications)) != 0;
  if (inband && (features & kForInband) != kForInband) {
    return std::unexpected("in-band notifications without what they need");
  }
  protocol_features_ = features;
  return {};
}

Session::Result Session::set_backend_channel(Message& message) {
  if (message.fds.size() != 1) return std::unexpected("no descriptor");
  struct stat status {};
  if (fstat(message.fds[0].get(), &status) != 0 || !S_ISSOCK(status.st_mode)) {
    return std::unexpected("no socket");
  }
  backend_channel_ = std::make_unique<BackendChannel>(loop_, std::move(message.fds[0]));
  return {};
}

// An empty reply says that there is no such range.
Session::Result Session::get_config(Payload payload) {
  const auto range = decode_config_range(payload);
  if (!range) return std::unexpected("a size that is not that of its bytes");
  std::array<std::byte, kMaxPayload> bytes{};
  const auto wanted = std::span(bytes).first(range->size);
  if (!device_.read_config(range->offset, wanted)) return reply({}), Result();
  std::array<std::byte, kMaxPayload> answer{};
  ConfigRange found = *range;
  found.bytes = wanted;
  reply(std::span(answer).first(encode_config_range(answer, found)));
  return {};
}

Session::Result Session::set_config(Payload payload) {
  const auto range = decode_config_range(payload);
  if (!range) return std::unexpected("a size that is not that of its bytes");
  if (device_.write_config(range->offset, range->bytes)) return {};
  // A driver writes what it likes; the front-end must not die of it.
  ++counters_.refused;
  return {};
}

uint64_t Session::status() const {
  return status_ | (device_.broken() ? virtio::kStatusNeedsReset : 0U);
}

Session::Result Session::set_status(uint64_t status) {
  if (status > UINT8_MAX) return std::unexpected(fmt::format("{:#x}", status));
  // What it may not have reads back clear, as for any driver.
  const bool without_features = !features_;
  status_ = static_cast<uint8_t>(status & ~virtio::kStatusNeedsReset);
  if (without_features) status_ &= static_cast<uint8_t>(~virtio::kStatusFeaturesOk);
  if (status != 0) return {};
  // Also the way in which a machine is paused, so the device keeps its memory: rings that
  // begin anew are what makes it begin anew.
  reset_rings();
  device_.reset();
  return {};
}

// ---- What survives ----

Session::Result Session::handle_state(Message& message) {
  switch (request_) {
    case Request::kGetInflightFd:
      return get_inflight(message.payload());
    case Request::kSetInflightFd:
      return set_inflight(message);
    case Request::kSetDeviceStateFd:
      return set_device_state(message);
    default:
      return check_device_state(), Result();
  }
}

Session::Result Session::get_inflight(Payload payload) {
  const InflightArea wanted = decode_inflight_area(payload);
  if (wanted.queues == 0 || wanted.queues > ring_count_ || wanted.queue_size == 0 ||
      wanted.queue_size > virtio::kMaxQueueSize) {
    return std::unexpected(
        fmt::format("for {} queues of {} entries", wanted.queues, wanted.queue_size));
  }
  const auto gift = InflightRegion::create_gift(wanted.queues, wanted.queue_size);
  if (!gift) return std::unexpected(gift.error());
  std::array<std::byte, kMaxPayload> answer{};
  encode_inflight_area(answer, gift->area);
  // As long as it was asked for: not everybody pads alike.
  reply(std::span(answer).first(payload.size()), gift->fd.get());
  return {};
}

Session::Result Session::set_inflight(Message& message) {
  if (message.fds.size() != 1) return std::unexpected("no descriptor");
  auto region = InflightRegion::adopt(decode_inflight_area(message.payload()), message.fds[0]);
  if (!region) return std::unexpected(region.error());
  device_.keep_in(std::move(*region));
  return {};
}

Session::Result Session::set_device_state(Message& message) {
  const StateTransfer transfer = decode_state_transfer(message.payload());
  if (message.fds.size() != 1) return std::unexpected("no descriptor");
  if (transfer.direction > kLoad || transfer.phase != 0) {
    return std::unexpected(
        fmt::format("direction {}, phase {}", transfer.direction, transfer.phase));
  }
  transfer_error_.reset();
  incoming_state_.reset();
  const bool started = std::ranges::any_of(rings_, &Vring::started);
  if (started) {
    transfer_error_ = "while rings are started";
  } else if (transfer.direction == kLoad) {
    incoming_state_ = std::move(message.fds[0]);
  } else {
    const auto& saved = device_.saved();
    const auto done = save_state(message.fds[0], saved ? *saved : device_.instance().state());
    if (!done) transfer_error_ = done.error();
  }
  reply_word(kUseGivenFd | (transfer_error_ ? kTransferFailed : kTransferDone));
  return {};
}

void Session::check_device_state() {
  if (incoming_state_ && !transfer_error_) {
    const auto state = load_state(incoming_state_);
    if (state) {
      device_.load(*state);
    } else {
      transfer_error_ = state.error();
    }
  }
  incoming_state_.reset();
  reply_word(transfer_error_ ? kTransferFailed : kTransferDone);
  transfer_error_.reset();
}

}  // namespace stratos::links::vhost_user
