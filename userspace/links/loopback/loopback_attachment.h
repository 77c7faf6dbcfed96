// SPDX-License-Identifier: Apache-2.0
// The device side's way to the very kernel that we run on: virtio_msg_loopback hands out
// a region, and one file that is both doorbells (uapi/linux/virtio_msg_loopback.h).

#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "links/shm/attachment.h"
#include "runtime/event_fd.h"
#include "runtime/mapping.h"
#include "runtime/unique_fd.h"

namespace stratos::links {

inline constexpr const char* kLoopbackNode = "/dev/virtio-msg-loopback";

class LoopbackAttachment final : public Attachment {
 public:
  // Makes a new region of `size` bytes with the layout in page 0, and has the kernel look
  // for its devices there.
  static std::expected<std::unique_ptr<LoopbackAttachment>, std::string> create(
      const std::filesystem::path& node, uint64_t size);
  // Takes over the file of a predecessor, and with it all that the kernel has set up.
  // Fails if it is no such file, or one whose region has another size.
  static std::expected<std::unique_ptr<LoopbackAttachment>, std::string> adopt(runtime::UniqueFd fd,
                                                                               uint64_t size);

  // Whoever holds this file holds the link.
  int fd() const { return bell_.fd(); }

  std::span<std::byte> region() const override { return mapping_.bytes(); }
  uint32_t doorbell() const override { return 0; }
  void listen(runtime::Loop& loop, std::function<void()> callback) override;
  // There is one driver side to ring, whatever its number. After listen().
  void ring(uint32_t value) override;

 private:
  static std::expected<std::unique_ptr<LoopbackAttachment>, std::string> map(runtime::UniqueFd fd,
                                                                             uint64_t size);
  LoopbackAttachment(runtime::Mapping mapping, runtime::EventFd bell, runtime::EventFd peer_bell);

  runtime::Mapping mapping_;
  runtime::EventFd bell_;
  runtime::EventFd peer_bell_;  // the same file once more, until listen()
  std::optional<runtime::EventFdWatch> watch_;
  std::optional<runtime::EventFdRinger> ringer_;
};

}  // namespace stratos::links
