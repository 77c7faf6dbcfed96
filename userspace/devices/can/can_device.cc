// SPDX-License-Identifier: Apache-2.0
#include "devices/can/can_device.h"

#include <linux/virtio_can.h>

#include <algorithm>

#include "virtio/endian.h"

namespace stratos::can {
namespace {

constexpr uint64_t bit(unsigned number) { return uint64_t{1} << number; }

constexpr uint64_t kClassic = bit(VIRTIO_CAN_F_CAN_CLASSIC);
constexpr uint64_t kFd = bit(VIRTIO_CAN_F_CAN_FD);
constexpr uint64_t kRemote = bit(VIRTIO_CAN_F_RTR_FRAMES);
constexpr uint64_t kLateTxAck = bit(VIRTIO_CAN_F_LATE_TX_ACK);
constexpr uint64_t kOwnFeatures = kClassic | kFd | kRemote | kLateTxAck;

// The state that outlives the process: a version and flags.
constexpr std::byte kStateVersion{1};
constexpr std::byte kStateStarted{1};
constexpr std::byte kStateBusOff{2};
constexpr size_t kStateSize = 2;

}  // namespace

CanDevice::CanDevice(Bus& bus, const Options& options, const Storage& storage)
    : bus_(bus),
      options_(options),
      queue_sizes_{options.tx_queue_size, options.rx_queue_size, options.control_queue_size},
      type_{VIRTIO_CAN_DEVICE_ID, sizeof(virtio_can_config), queue_sizes_},
      tx_(storage.tx),
      backlog_(storage.backlog) {
  static_assert(VIRTIO_CAN_QUEUE_TX == 0 && VIRTIO_CAN_QUEUE_RX == 1 &&
                VIRTIO_CAN_QUEUE_CONTROL == 2 && VIRTIO_CAN_QUEUE_COUNT == 3);
}

uint64_t CanDevice::features() const {
  const Bus::Capabilities bus = bus_.capabilities();
  uint64_t offer = 0;
  if (options_.classic) offer |= kClassic;
  if (options_.fd && bus.fd) offer |= kFd;
  if (options_.classic && options_.remote && bus.remote) offer |= kRemote;
  if (options_.late_tx_ack) offer |= kLateTxAck;
  return offer;
}

bool CanDevice::accept(uint64_t features) const {
  if ((features & kOwnFeatures & ~this->features()) != 0) return false;
  if ((features & (kClassic | kFd)) == 0) return false;
  return (features & kRemote) == 0 || (features & kClassic) != 0;
}

void CanDevice::read_config(uint32_t offset, std::span<std::byte> into) const {
  std::array<std::byte, sizeof(virtio_can_config)> config{};
  virtio::store_le<uint16_t>(config.data(), bus_off_ ? VIRTIO_CAN_S_CTRL_BUSOFF : 0);
  const size_t from = std::min<size_t>(offset, config.size());
  const size_t size = std::min(into.size(), config.size() - from);
  std::copy_n(config.begin() + static_cast<ptrdiff_t>(from), size, into.begin());
}

void CanDevice::start(virtio::Transport& transport, uint64_t features) {
  transport_ = &transport;
  types_ = {.classic = (features & kClassic) != 0,
            .fd = (features & kFd) != 0,
            .remote = (features & kRemote) != 0};
  if (!restored_) return;
  restored_ = false;
  // The driver believes that its controller is on the bus. If it cannot be, bus-off
  // is the state that makes a driver start it again.
  if (!start_controller()) enter_bus_off();
}

void CanDevice::stop() {
  forget();
  bus_off_ = false;
  restored_ = false;
}

bool CanDevice::process(uint16_t queue, virtio::Time, uint32_t budget) {
  if (!transport_) return false;
  switch (queue) {
    case VIRTIO_CAN_QUEUE_TX:
      return serve_tx(budget);
    case VIRTIO_CAN_QUEUE_RX:
      return serve_rx(budget);
    case VIRTIO_CAN_QUEUE_CONTROL:
      return serve_control(budget);
    default:
      return false;
  }
}

size_t CanDevice::save(std::span<std::byte> into) const {
  if (into.size() < kStateSize) return 0;
  into[0] = kStateVersion;
  into[1] = std::byte{0};
  if (state_ == State::kStarted || restored_) into[1] |= kStateStarted;
  if (bus_off_) into[1] |= kStateBusOff;
  return kStateSize;
}

bool CanDevice::restore(std::span<const std::byte> from) {
  restored_ = false;
  bus_off_ = false;
  if (from.empty()) return true;
  if (from.size() != kStateSize || from[0] != kStateVersion) return false;
  if (from[1] > kStateBusOff) return false;  // an unknown flag, or both at once
  restored_ = from[1] == kStateStarted;
  bus_off_ = from[1] == kStateBusOff;
  return true;
}

// --- Transmission ---------------------------------------------------------

// Takes chains until the bus has enough of them.
bool CanDevice::serve_tx(uint32_t budget) {
  virtio::Queue* queue = transport_->queue(VIRTIO_CAN_QUEUE_TX);
  if (!queue) return false;
  tx_blocked_ = false;
  Step step = Step::kDone;
  for (; budget > 0 && step == Step::kDone; --budget) step = take_tx(*queue);
  if (step == Step::kBroken) return false;
  if (!tx_.empty()) bus_.flush();
  tx_blocked_ = step == Step::kBlocked;
  return step == Step::kDone;
}

CanDevice::Step CanDevice::take_tx(virtio::Queue& queue) {
  if (tx_.full()) return Step::kBlocked;
  virtio::Chain& chain = tx_.candidate();
  const virtio::PopResult popped = queue.pop(chain);
  if (popped == virtio::PopResult::kEmpty) return Step::kIdle;
  if (popped == virtio::PopResult::kBroken) return fail();
  // Without room for a result nothing can be answered.
  if (chain.writable_size() < sizeof(virtio_can_tx_in)) return fail();

  Reject reject = Reject::kStopped;
  Frame frame;
  if (state_ == State::kStarted) {
    std::array<std::byte, kMaxMessage> message;
    const size_t size = chain.read(0, message);
    reject = parse_tx(std::span(message).first(size), types_, frame);
  }
  if (reject == Reject::kNone) {
    if (bus_.send(frame, tx_.candidate_token())) {
      tx_.add();
      return Step::kDone;
    }
    if (!tx_.empty()) {
      queue.unpop(chain);
      return Step::kBlocked;
    }
    reject = Reject::kBus;  // nothing under way: no on_sent() would make us try again
  }
  count(reject);
  answer(queue, chain, VIRTIO_CAN_RESULT_NOT_OK);
  return Step::kDone;
}

void CanDevice::answer(virtio::Queue& queue, const virtio::Chain& chain, uint8_t result) {
  const std::byte value{result};
  queue.push(chain, static_cast<uint32_t>(chain.write(0, {&value, 1})));
}

// Goes on with the chains that the bus had no room for. What the queue can hold is
// budget enough: none of it comes back before the end of the turn.
void CanDevice::resume_tx() {
  if (tx_blocked_) serve_tx(options_.tx_queue_size);
}

void CanDevice::on_sent(TxToken token, bool ok) {
  if (!transport_) return;
  const virtio::Chain* chain = tx_.find(token);
  virtio::Queue* queue = transport_->queue(VIRTIO_CAN_QUEUE_TX);
  if (!chain || !queue) return;
  answer(*queue, *chain, ok ? VIRTIO_CAN_RESULT_OK : VIRTIO_CAN_RESULT_NOT_OK);
  tx_.remove(token);
  ++(ok ? counters_.tx : counters_.tx_failed);
  resume_tx();
  if (transport_) transport_->completed(VIRTIO_CAN_QUEUE_TX);
}

// --- Reception ------------------------------------------------------------

void CanDevice::on_frame(const Frame& frame) {
  if (!transport_ || state_ != State::kStarted) return;
  if (!carries(types_, frame)) {
    ++counters_.rx_unsupported;
    return;
  }
  virtio::Queue* queue = transport_->queue(VIRTIO_CAN_QUEUE_RX);
  Step step = Step::kIdle;
  if (queue && backlog_.empty()) step = deliver(*queue, frame);
  if (step == Step::kDone) transport_->completed(VIRTIO_CAN_QUEUE_RX);
  if (step == Step::kIdle) store(frame);
}

// Held from the first frame on that waits here: it is lost with this process, and a bus that
// can wait leaves it with its sender. The rest of the backlog is for a bus that cannot, or that
// has frames under way already.
void CanDevice::store(const Frame& frame) {
  if (!backlog_.push(frame)) ++counters_.rx_overrun;
  counters_.rx_backlog_peak = std::max<uint64_t>(counters_.rx_backlog_peak, backlog_.size());
  if (bus_held_) return;
  bus_held_ = true;
  ++counters_.rx_holds;
  bus_.hold();
}

void CanDevice::release_bus() {
  if (!bus_held_ || !backlog_.empty()) return;
  bus_held_ = false;
  bus_.release();
}

bool CanDevice::serve_rx(uint32_t budget) {
  virtio::Queue* queue = transport_->queue(VIRTIO_CAN_QUEUE_RX);
  if (!queue) return false;
  for (; budget > 0 && !backlog_.empty(); --budget) {
    const Step step = deliver(*queue, backlog_.front());
    if (step == Step::kIdle || step == Step::kBroken) return false;
    backlog_.pop();
  }
  release_bus();
  return !backlog_.empty();
}

// kDone if the driver got the frame, kBlocked if the frame is lost because it does not
// fit, kIdle if there is no buffer.
CanDevice::Step CanDevice::deliver(virtio::Queue& queue, const Frame& frame) {
  const virtio::PopResult popped = queue.pop(chain_);
  if (popped == virtio::PopResult::kEmpty) return Step::kIdle;
  if (popped == virtio::PopResult::kBroken) return fail();
  // A driver must post at least a header; how much payload it wants is its choice.
  if (chain_.writable_size() < kHeaderSize) return fail();

  std::array<std::byte, kMaxMessage> message;
  const size_t size = format_rx(frame, message);
  if (chain_.writable_size() < size) {
    queue.unpop(chain_);
    ++counters_.rx_too_small;
    return Step::kBlocked;
  }
  queue.push(chain_, static_cast<uint32_t>(chain_.write(0, std::span(message).first(size))));
  ++counters_.rx;
  return Step::kDone;
}

// --- Control --------------------------------------------------------------

bool CanDevice::serve_control(uint32_t budget) {
  virtio::Queue* queue = transport_->queue(VIRTIO_CAN_QUEUE_CONTROL);
  if (!queue) return false;
  for (; budget > 0; --budget) {
    const virtio::PopResult popped = queue->pop(chain_);
    if (popped == virtio::PopResult::kEmpty) return false;
    if (popped == virtio::PopResult::kBroken ||
        chain_.writable_size() < sizeof(virtio_can_control_in)) {
      fail();
      return false;
    }
    const uint8_t result = control(chain_);
    if (!transport_) return false;
    if (result != VIRTIO_CAN_RESULT_OK) ++counters_.control_rejected;
    answer(*queue, chain_, result);
  }
  return true;
}

uint8_t CanDevice::control(const virtio::Chain& chain) {
  std::array<std::byte, sizeof(virtio_can_control_out)> request;
  if (chain.read(0, request) < request.size()) return VIRTIO_CAN_RESULT_NOT_OK;
  switch (virtio::load_le<uint16_t>(request.data())) {
    case VIRTIO_CAN_SET_CTRL_MODE_START:
      return start_controller() ? VIRTIO_CAN_RESULT_OK : VIRTIO_CAN_RESULT_NOT_OK;
    case VIRTIO_CAN_SET_CTRL_MODE_STOP:
      stop_controller();
      return VIRTIO_CAN_RESULT_OK;
    default:
      return VIRTIO_CAN_RESULT_NOT_OK;
  }
}

bool CanDevice::start_controller() {
  if (state_ == State::kStarted) return true;
  if (!bus_.start(*this)) return false;
  state_ = State::kStarted;
  bus_off_ = false;
  ++counters_.starts;
  return true;
}

void CanDevice::stop_controller() {
  if (state_ == State::kStopped) return;
  bus_.stop();
  ++counters_.stops;
  enter_stopped();
}

void CanDevice::on_bus_off() {
  if (transport_ && state_ == State::kStarted) enter_bus_off();
}

void CanDevice::enter_bus_off() {
  bus_off_ = true;
  ++counters_.bus_offs;
  enter_stopped();
  if (transport_) transport_->config_changed();
}

// STOPPED by request or by bus-off: what is pending fails, in the driver's order.
void CanDevice::enter_stopped() {
  state_ = State::kStopped;
  discard_backlog();
  virtio::Queue* queue = transport_->queue(VIRTIO_CAN_QUEUE_TX);
  while (queue && !tx_.empty()) {
    answer(*queue, tx_.remove_oldest(), VIRTIO_CAN_RESULT_NOT_OK);
    ++counters_.tx_cancelled;
  }
  resume_tx();
  if (transport_) transport_->completed(VIRTIO_CAN_QUEUE_TX);
}

// What was heard before the controller stopped is old news to a driver that starts
// it again. A bus that stopped holds nothing back any more.
void CanDevice::discard_backlog() {
  bus_held_ = false;
  counters_.rx_discarded += backlog_.size();
  backlog_.clear();
}

// STOPPED without touching a chain.
void CanDevice::forget() {
  bus_.stop();
  state_ = State::kStopped;
  tx_blocked_ = false;
  tx_.clear();
  discard_backlog();
  transport_ = nullptr;
}

// The driver broke a rule: nothing happens until it resets the device.
CanDevice::Step CanDevice::fail() {
  virtio::Transport& transport = *transport_;
  forget();
  transport.needs_reset();
  return Step::kBroken;
}

}  // namespace stratos::can
