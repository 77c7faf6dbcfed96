// SPDX-License-Identifier: Apache-2.0
// The virtio-rpmb device (VIRTIO 1.2, chapter "RPMB Device", id 28): blocks that only
// somebody with the key can write, and that nobody can set back unnoticed. What it
// keeps lies in a Store, and MACs come from an Hmac.
//
// Requests are executed one at a time, in the order of the ring. One that changes the
// store waits until the driver can see the answers to those before it. So when this
// process dies, at most one change is committed whose answer is missing; it is the
// last one, and the successor recognises it (is_repeated()).
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
#include "devices/rpmb/counters.h"
#include "devices/rpmb/hmac.h"
#include "devices/rpmb/request.h"
#include "devices/rpmb/result_register.h"
#include "devices/rpmb/store.h"
#include "virtio/device.h"

namespace stratos::rpmb {

// What fits into one descriptor chain with a frame each. The device always has limits.
inline constexpr uint16_t kMaxWriteBlocks = virtio::kMaxSegments - 2;
inline constexpr uint16_t kMaxReadBlocks = virtio::kMaxSegments - 1;

class RpmbDevice final : public virtio::Device, private StoreListener {
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
  RpmbDevice(const RpmbDevice&) = delete;
  RpmbDevice& operator=(const RpmbDevice&) = delete;

  const virtio::DeviceType& type() const override { return type_; }
  uint64_t features() const override { return 0; }
  bool accept(uint64_t) const override { return true; }
  void read_config(uint32_t offset, std::span<std::byte> into) const override;
  bool write_config(uint32_t, std::span<const std::byte>) override { return false; }
  void start(virtio::Transport& transport, uint64_t features) override;
  void stop() override;
  bool process(uint16_t queue, virtio::Time now, uint32_t budget) override;
  size_t save(std::span<std::byte> into) const override;
  bool restore(std::span<const std::byte> from) override;

  const Counters& counters() const { return counters_; }
  const State& state() const { return store_.state(); }
  uint32_t capacity_blocks() const { return store_.block_count(); }

 private:
  // What became of one look at the queue.
  enum class Step : uint8_t { kDone, kIdle, kBusy, kAfterPublish, kBroken };
  enum class Pending : uint8_t { kNothing, kRead, kCommit };

  void on_read(bool ok) override;
  void on_committed(bool ok) override;
  bool finish_pending();

  Step take(virtio::Queue& queue);
  void execute();
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
  void give_back(size_t frames);

  uint16_t wire(Result result) const;
  void count(Result result) { ++counters_.results[static_cast<size_t>(result)]; }

  Store& store_;
  Hmac& hmac_;
  const Limits limits_;
  const std::span<std::byte> storage_;
  const std::array<uint16_t, VIRTIO_RPMB_QUEUE_COUNT> queue_sizes_;
  virtio::DeviceType type_;

  virtio::Transport* transport_ = nullptr;  // set while started and not broken
  Pending pending_ = Pending::kNothing;     // what the store is busy with,
  bool wanted_ = false;                     // and whether anybody waits for it
  // The request under way; storage_ holds its frames, then its blocks.
  virtio::Chain chain_;
  Request request_;
  State next_;
  ResultRegister result_;
  std::array<std::byte, kFrameSize> frame_{};  // scratch: a frame of a response
  Counters counters_;
};

}  // namespace stratos::rpmb
