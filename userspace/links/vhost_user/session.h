// SPDX-License-Identifier: Apache-2.0
// One front-end, from its connection to its end: what it asks for, in its order.
//
// A front-end is hostile. What is malformed ends the session, and nothing else; what it may
// not have is refused, if it waits for an answer, and ends the session if it does not.

#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "links/vhost_user/backend_channel.h"
#include "links/vhost_user/memory_table.h"
#include "links/vhost_user/message_stream.h"
#include "links/vhost_user/messages.h"
#include "links/vhost_user/served_device.h"
#include "links/vhost_user/vring.h"
#include "runtime/fd_watch.h"
#include "runtime/loop.h"
#include "runtime/unique_fd.h"

namespace stratos::links::vhost_user {

struct SessionCounters {
  uint64_t messages = 0;
  uint64_t refused = 0;
};

class Session final : private ServedDevice::Listener {
 public:
  // `socket` is connected and non-blocking. Loop and device outlive the session.
  Session(runtime::Loop& loop, ServedDevice& device, runtime::UniqueFd socket);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // A turn's messages; true if there are more at once. After the device became quiet it is
  // to be called again.
  bool work();
  // Whether a message waits for the device to be quiet.
  bool waits() const { return message_ != nullptr; }
  // Why the session is over; nullopt while it goes on. Then the device is to be quiet
  // before the session goes, and its memory with it.
  const std::optional<std::string>& over() const { return over_; }
  // Whether it ended as sessions do.
  bool went_away() const { return went_away_; }
  // Has a look whether the front-end is still there.
  void check();
  // Has a look whether its memory still is; after the device was served.
  void check_memory();

  const SessionCounters& counters() const { return counters_; }
  uint64_t protocol_features() const { return protocol_features_; }

 private:
  using Result = std::expected<void, std::string>;  // or why it was refused

  // ---- The conversation ----
  void take_messages();
  void end(std::string why, bool usual = false);
  bool negotiated(ProtocolFeature feature) const {
    return (protocol_features_ & bit_of(feature)) != 0;
  }
  Result check_shape(const Message& message, const MessageShape* shape) const;
  bool needs_quiet(const Message& message) const;
  void answer(Message& message);
  void refuse(const Message& message, const std::string& why);
  void reply(std::span<const std::byte> payload, int fd = -1);
  void reply_word(uint64_t value);

  // ---- The requests ----
  Result handle(Message& message);
  Result handle_vring(Message& message);
  Result handle_memory(Message& message);
  Result handle_state(Message& message);
  Result set_features(uint64_t features);
  Result set_protocol_features(uint64_t features);
  Result set_backend_channel(Message& message);
  Result get_config(Payload payload);
  Result set_config(Payload payload);
  Result set_status(uint64_t status);
  Result get_vring_base(uint16_t index);
  Result set_vring_bell(Request request, Message& message);
  Result set_mem_table(Message& message);
  Result add_region(const MemoryRegion& region, Message& message);
  Result get_inflight(Payload payload);
  Result set_inflight(Message& message);
  Result set_device_state(Message& message);
  void check_device_state();
  void reset_rings();
  uint64_t status() const;

  // ---- The device ----
  ServedDevice::Wanted wanted();
  void kick(uint16_t index);
  void on_used(uint16_t queue) override;
  void on_config_changed() override;
  void on_queue_broken(uint16_t queue) override;

  runtime::Loop& loop_;
  ServedDevice& device_;
  runtime::UniqueFd socket_;
  MessageReader reader_;
  Message* message_ = nullptr;  // waits for the device to be quiet
  bool readable_ = true;
  bool answered_ = false;  // the message at hand has been replied to
  Request request_{};      // the message at hand
  std::optional<std::string> over_;
  bool went_away_ = false;
  SessionCounters counters_;

  uint64_t protocol_features_ = 0;
  std::optional<uint64_t> features_;
  bool rings_enabled_ = false;  // from the start, for want of SET_VRING_ENABLE
  uint8_t status_ = 0;
  MemoryTable memory_;
  uint16_t ring_count_;
  std::array<Vring, virtio::kMaxQueues> rings_;
  std::unique_ptr<BackendChannel> backend_channel_;
  runtime::UniqueFd incoming_state_;
  std::optional<std::string> transfer_error_;  // of the last SET_DEVICE_STATE_FD
  runtime::FdWatch watch_;
};

}  // namespace stratos::links::vhost_user
