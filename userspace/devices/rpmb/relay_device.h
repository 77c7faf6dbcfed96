// SPDX-License-Identifier: Apache-2.0
// The virtio-rpmb device that has a chip execute requests, such as an eMMC: only guest
// and chip have the key, so frames pass as they are. What only the chip can know (key,
// MAC, counter, addresses) it decides alone.
//
// A request whose shape is wrong, or which asks for more blocks than the limits, never
// reaches the chip: it is answered with GENERAL_FAILURE. So is one that the chip could
// not be asked about. Such an answer has no MAC, as nobody here has the key.
//
// When this process dies, the chip may have executed a write whose answer is missing. The
// successor asks for the chip's result register first: if that tells of a good write to
// this address with this counter, then it is the answer, since only one write is ever
// good with a counter. (Whoever repeats an old write just then gets the old answer once
// more; the data is what the chip let pass.) In any other case the write is executed. A
// key has no counter: it is programmed again, and the chip refuses if it was.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/rpmb/frame_port.h"
#include "devices/rpmb/request_device.h"

namespace stratos::rpmb {

static_assert(kMaxWriteBlocks + 1 + kMaxReadBlocks <= kMaxExchangeFrames);

class RelayDevice final : public RequestDevice, private FramePortListener {
 public:
  struct Options {
    uint32_t blocks = 0;            // the capacity of the chip
    uint16_t queue_size = 256;      // a power of two
    uint16_t max_write_blocks = 1;  // 1 to kMaxWriteBlocks
    uint16_t max_read_blocks = 32;  // 1 to kMaxReadBlocks
  };

  // Bytes that a device with these options works in.
  static constexpr size_t storage_size(const Options& options) {
    return request_size(options) + options.max_read_blocks * kFrameSize;
  }

  // `port` and `storage`, of storage_size() bytes, outlive the device; they are its own.
  RelayDevice(FramePort& port, const Options& options, std::span<std::byte> storage);

 private:
  enum class Stage : uint8_t { kPassOn, kLookBack };

  static constexpr size_t request_size(const Options& options) {
    return (options.max_write_blocks + size_t{1}) * kFrameSize;
  }

  void execute() override;
  void on_exchanged(bool ok) override;

  void pass_on();
  void look_back();
  void begin(Stage stage, const Exchange& exchange);
  bool is_done_already() const;
  void answer();
  void refuse();

  FramePort& port_;
  const std::span<std::byte> request_frames_;
  const std::span<std::byte> response_frames_;
  Stage stage_ = Stage::kPassOn;
  std::array<std::byte, kFrameSize> frame_{};  // scratch: a frame of our own
};

}  // namespace stratos::rpmb
