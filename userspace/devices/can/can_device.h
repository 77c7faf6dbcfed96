// SPDX-License-Identifier: Apache-2.0
// The virtio-can device (VIRTIO 1.4, chapter "CAN Device", id 36): a CAN controller
// whose bus is a can::Bus.
//
// A Tx chain is given back when the bus reported the frame, with and without
// LATE_TX_ACK: an acknowledged frame was on the bus, and the driver's flow control
// is that of the bus. So LATE_TX_ACK costs nothing and is a promise that always holds.
//
// Rx frames keep their order. While the driver has no buffer for them they wait in a
// bounded backlog. From the first of them on the bus is asked to hold further frames back,
// and to release them once the backlog is empty. A bus that cannot wait goes on; when the
// backlog is full the newest frame is lost and counted, as in a controller with a full
// receive FIFO. An Rx chain is only taken to be given back at once.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/can/bus.h"
#include "devices/can/counters.h"
#include "devices/can/frame_ring.h"
#include "devices/can/tx_window.h"
#include "devices/can/wire.h"
#include "virtio/device.h"

namespace stratos::can {

// Memory for what a device has to remember; the caller's, and as large as he wants.
struct Storage {
  std::span<TxSlot> tx;      // frames that the bus works on at a time: at least 1
  std::span<Frame> backlog;  // frames that wait for an Rx buffer: may be empty
};

template <size_t kTxSlots = 64, size_t kBacklog = 256>
struct StaticStorage {
  std::array<TxSlot, kTxSlots> tx{};
  std::array<Frame, kBacklog> backlog{};

  operator Storage() { return {tx, backlog}; }
};

class CanDevice final : public virtio::Device, private BusListener {
 public:
  struct Options {
    uint16_t tx_queue_size = 64;  // powers of two
    uint16_t rx_queue_size = 64;
    uint16_t control_queue_size = 16;
    // What to offer, as far as the bus is capable of it.
    bool classic = true;
    bool fd = true;
    bool remote = true;
    bool late_tx_ack = true;
  };

  // `bus` and what `storage` names outlive the device.
  CanDevice(Bus& bus, const Options& options, const Storage& storage);
  CanDevice(const CanDevice&) = delete;
  CanDevice& operator=(const CanDevice&) = delete;

  const virtio::DeviceType& type() const override { return type_; }
  uint64_t features() const override;
  bool accept(uint64_t features) const override;
  void read_config(uint32_t offset, std::span<std::byte> into) const override;
  bool write_config(uint32_t, std::span<const std::byte>) override { return false; }
  void start(virtio::Transport& transport, uint64_t features) override;
  void stop() override;
  bool process(uint16_t queue, virtio::Time now, uint32_t budget) override;
  size_t save(std::span<std::byte> into) const override;
  bool restore(std::span<const std::byte> from) override;

  bool bus_started() const { return state_ == State::kStarted; }
  bool bus_off() const { return bus_off_; }
  const Counters& counters() const { return counters_; }

 private:
  enum class State : uint8_t { kStopped, kStarted };
  // What became of one look at a queue.
  enum class Step : uint8_t { kDone, kIdle, kBlocked, kBroken };

  void on_frame(const Frame& frame) override;
  void on_sent(TxToken token, bool ok) override;
  void on_bus_off() override;

  bool serve_tx(uint32_t budget);
  Step take_tx(virtio::Queue& queue);
  void resume_tx();
  void answer(virtio::Queue& queue, const virtio::Chain& chain, uint8_t result);

  bool serve_rx(uint32_t budget);
  Step deliver(virtio::Queue& queue, const Frame& frame);
  void store(const Frame& frame);
  void release_bus();

  bool serve_control(uint32_t budget);
  uint8_t control(const virtio::Chain& chain);
  bool start_controller();
  void stop_controller();
  void enter_stopped();
  void enter_bus_off();
  void discard_backlog();
  void forget();
  Step fail();

  void count(Reject reject) { ++counters_.tx_rejected[static_cast<size_t>(reject)]; }

  Bus& bus_;
  const Options options_;
  std::array<uint16_t, 3> queue_sizes_;
  virtio::DeviceType type_;

  virtio::Transport* transport_ = nullptr;  // set while started and not broken
  FrameTypes types_;
  State state_ = State::kStopped;
  bool bus_off_ = false;
  bool restored_ = false;    // a predecessor had the controller started
  bool tx_blocked_ = false;  // Tx chains wait for the bus
  bool bus_held_ = false;    // the bus was asked to hold frames back

  TxWindow tx_;
  FrameRing backlog_;
  virtio::Chain chain_;  // scratch for Rx and control: a Chain is too big for a small stack
  Counters counters_;
};

}  // namespace stratos::can
