// SPDX-License-Identifier: Apache-2.0
// What a hub gave: its memory, mapped, and the two bells.

#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "links/shm/attachment.h"
#include "runtime/event_fd.h"
#include "runtime/mapping.h"
#include "runtime/unique_fd.h"

namespace stratos::links {

class HubAttachment final : public Attachment {
 public:
  // Checks and maps. The memory must be sealed against shrinking: a peer that could
  // cut it off would kill us with SIGBUS.
  static std::expected<std::unique_ptr<HubAttachment>, std::string> create(
      const runtime::UniqueFd& memory, runtime::EventFd own_bell, runtime::EventFd peer_bell);

  std::span<std::byte> region() const override { return mapping_.bytes(); }
  uint32_t doorbell() const override;
  void listen(runtime::Loop& loop, std::function<void()> callback) override;
  // Rings the driver's seat, whatever the driver side would have rung. After listen().
  void ring(uint32_t value) override;

 private:
  HubAttachment(runtime::Mapping mapping, runtime::EventFd own_bell, runtime::EventFd peer_bell);

  runtime::Mapping mapping_;
  runtime::EventFd own_bell_;
  runtime::EventFd peer_bell_;
  std::optional<runtime::EventFdWatch> watch_;
  std::optional<runtime::EventFdRinger> ringer_;
};

}  // namespace stratos::links
