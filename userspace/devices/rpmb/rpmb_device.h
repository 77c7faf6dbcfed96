// SPDX-License-Identifier: Apache-2.0
// The virtio-rpmb device that executes requests itself: blocks that only somebody with
// the key can write, and that nobody can set back unnoticed. What it keeps lies in a
// Store, and MACs come from an Hmac.
//
// When this process dies, at most one change is committed whose answer is missing; it is
// the last one, and the successor recognises it (is_repeated()).
//
// Where the specification says nothing:
// - A request beyond the end, in part or as a whole, is an address failure, and nothing
//   is written.
// - Responses to key, write and counter requests carry block_count 1.
// - A write that finds the counter at its end gets WRITE_FAILURE with the flag
//   WRITE_COUNTER_EXPIRED (0x0085), as in eMMC. The flag alone (0x0080) would be what the
//   last good write returned. The flag is set in every result from there on.
// - A failed read fills all the frames that it was asked for, without data, since drivers
//   look at the last one.
// - RESULT_READ leaves the result where it is. Before any key or write, and after a
//   reset, it returns GENERAL_FAILURE with the response type 0.
// - A request whose shape is wrong is refused as a whole: GENERAL_FAILURE in one frame, if
//   that fits, else a chain that comes back with nothing written. Also a key or write
//   whose RESULT_READ is wrong is not executed. The device stays usable: only a broken
//   ring breaks it.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/rpmb/checks.h"
#include "devices/rpmb/hmac.h"
#include "devices/rpmb/request_device.h"
#include "devices/rpmb/result_register.h"
#include "devices/rpmb/store.h"

namespace stratos::rpmb {

class RpmbDevice final : public RequestDevice, private StoreListener {
 public:
  struct Options {
    uint16_t queue_size = 256;       // a power of two
    uint16_t max_write_blocks = 32;  // 1 to kMaxWriteBlocks
    uint16_t max_read_blocks = 32;   // 1 to kMaxReadBlocks
    // Authenticated device configuration (requests 6 and 7 of eMMC 5.1): the two
    // registers of secure write protection are kept, and protect nothing here.
    bool device_configuration = false;
  };

  // Bytes that a device with these options works in.
  static constexpr size_t storage_size(const Options& options) {
    const size_t written = (options.max_write_blocks + size_t{1}) * kFrameSize;
    const size_t read = options.max_read_blocks * kBlockSize;
    return written > read ? written : read;
  }

  // `store`, `hmac` and `storage`, of storage_size() bytes, outlive the device; they
  // are its own.
  RpmbDevice(Store& store, Hmac& hmac, const Options& options, std::span<std::byte> storage);

  void stop() override;
  size_t save(std::span<std::byte> into) const override;
  bool restore(std::span<const std::byte> from) override;

  const State& state() const { return store_.state(); }

 private:
  void on_read(bool ok) override;
  void on_committed(bool ok) override;

  void execute() override;
  void program_key();
  void write_data();
  void write_configuration();
  void commit_write(const State& next, std::span<const std::byte> blocks);
  void commit(const State& next, std::span<const std::byte> blocks);
  void committed(bool ok);
  void read_data();
  void read(bool ok);

  Result authenticate();
  void finish_write(Result result);
  void answer_result();
  void answer_counter(Result result);
  void answer_configuration(Result result);
  void answer_data(Result result);
  void answer_one(Fields fields, std::span<const std::byte> block);
  void begin_mac();
  void write_frame(size_t index, bool last, const Fields& fields, std::span<const std::byte> block);

  uint16_t wire(Result result) const;

  Store& store_;
  Hmac& hmac_;
  const std::span<std::byte> storage_;  // frames of the request, then its blocks
  State next_;
  ResultRegister result_;
  std::array<std::byte, kFrameSize> frame_{};  // scratch: a frame of a response
};

}  // namespace stratos::rpmb
