// SPDX-License-Identifier: Apache-2.0

#include "virtio/msg_endpoint.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "virtio/barrier.h"

namespace stratos::virtio {
namespace {

// struct virtio_msg_amp_head
constexpr uint64_t kMagicAt = 0;
constexpr uint64_t kStatusAt = 2;
constexpr uint64_t kTailAt = 4;
constexpr uint64_t kHeadAt = 6;

// struct virtio_msg_stratos_side
constexpr uint64_t kEpochAt = offsetof(virtio_msg_stratos_side, epoch);
constexpr uint64_t kPeerEpochAt = offsetof(virtio_msg_stratos_side, peer_epoch);
constexpr uint64_t kHeartbeatAt = offsetof(virtio_msg_stratos_side, heartbeat);
constexpr uint64_t kDoorbellAt = offsetof(virtio_msg_stratos_side, doorbell);
constexpr uint64_t kNeedWakeupAt = offsetof(virtio_msg_stratos_side, need_wakeup);

static_assert(offsetof(virtio_msg_amp_head, status) == kStatusAt);
static_assert(offsetof(virtio_msg_amp_head, tail) == kTailAt);
static_assert(offsetof(virtio_msg_amp_head, head) == kHeadAt);

constexpr uint32_t kWordBits = 32;

uint32_t next_epoch(uint32_t epoch) { return epoch == UINT32_MAX ? 1 : epoch + 1; }

}  // namespace

void MsgEndpoint::attach(std::span<std::byte> region, const Layout& layout, Role role) {
  region_ = region;
  layout_ = layout;
  role_ = role;
  status_ = LinkStatus::kInit;
  head_ = tail_ = 0;
  // What an earlier incarnation wrote is only a hint here: the next epoch has to differ.
  epoch_ = word32(own().side.offset + kEpochAt).load();
  peer_epoch_ = 0;
  heartbeat_ = word32(own().side.offset + kHeartbeatAt).load();
  tx_.fill(0);
  rx_.fill(0);
  wanted_.fill(0);
  collected_ = false;
}

bool MsgEndpoint::load() {
  const uint64_t at = own().head.offset;
  const uint16_t status = word16(at + kStatusAt).load() & VIRTIO_MSG_AMP_STATUS_MASK;
  const uint16_t tail = word16(at + kTailAt).load();
  const uint16_t head = word16(at + kHeadAt).load();
  if (word16(at + kMagicAt).load() != VIRTIO_MSG_AMP_HEAD_MAGIC || epoch_ == 0 ||
      status > VIRTIO_MSG_AMP_PEER_DEAD || tail >= layout_.num_elements ||
      head >= layout_.num_elements) {
    return false;
  }
  status_ = static_cast<LinkStatus>(status);
  tail_ = tail;
  head_ = head;
  peer_epoch_ = word32(own().side.offset + kPeerEpochAt).load();
  for (size_t index = 0; index < words(); ++index) {
    tx_[index] = tx_word(own(), index).load();
    rx_[index] = rx_word(own(), index).load();
  }
  return true;
}

void MsgEndpoint::set_status(LinkStatus status) {
  status_ = status;
  const uint64_t at = own().head.offset;
  // Release: epoch, indices and notification words come first. Pairs with the acquire
  // in the peer's peer().
  word16(at + kStatusAt).store(static_cast<uint16_t>(status));
  word16(at + kMagicAt).store(VIRTIO_MSG_AMP_HEAD_MAGIC);
}

void MsgEndpoint::new_epoch() {
  bind_peer(0);
  epoch_ = next_epoch(epoch_);
  word32(own().side.offset + kEpochAt).store(epoch_);
}

void MsgEndpoint::bind_peer(uint32_t epoch) {
  peer_epoch_ = epoch;
  word32(own().side.offset + kPeerEpochAt).store(epoch);
}

void MsgEndpoint::beat() { word32(own().side.offset + kHeartbeatAt).store(++heartbeat_); }

void MsgEndpoint::set_doorbell(uint32_t value) {
  word32(own().side.offset + kDoorbellAt).store(value);
}

void MsgEndpoint::set_need_wakeup(bool need) {
  word32(own().side.offset + kNeedWakeupAt).store(need ? 1 : 0);
  // Asking comes before the last look for work. Pairs with the second barrier of the
  // peer's commit(): work first, then the question whether to ring.
  if (need) full_barrier();
}

void MsgEndpoint::zero_queues() {
  head_ = tail_ = 0;
  word16(own().head.offset + kTailAt).store(0);
  word16(own().head.offset + kHeadAt).store(0);
  tx_.fill(0);
  rx_.fill(0);
  wanted_.fill(0);
  collected_ = false;
  for (size_t index = 0; index < words(); ++index) {
    tx_word(own(), index).store(0);
    rx_word(own(), index).store(0);
  }
}

PeerView MsgEndpoint::peer() const {
  PeerView view;
  const uint64_t at = other().head.offset;
  const uint16_t magic = word16(at + kMagicAt).load();
  // Acquire: what the peer wrote before it changed its status is visible then. Pairs
  // with the release in set_status().
  const uint16_t status = word16(at + kStatusAt).load();
  view.present = magic == VIRTIO_MSG_AMP_HEAD_MAGIC &&
                 (status & VIRTIO_MSG_AMP_STATUS_MASK) <= VIRTIO_MSG_AMP_PEER_DEAD;
  if (!view.present) return view;
  view.status = static_cast<LinkStatus>(status & VIRTIO_MSG_AMP_STATUS_MASK);
  view.debugged = (status & VIRTIO_MSG_AMP_DEBUGGED) != 0;
  view.epoch = word32(other().side.offset + kEpochAt).load();
  return view;
}

uint32_t MsgEndpoint::peer_heartbeat() const {
  return word32(other().side.offset + kHeartbeatAt).load();
}

uint32_t MsgEndpoint::peer_doorbell() const {
  return word32(other().side.offset + kDoorbellAt).load();
}

ReceiveResult MsgEndpoint::receive(std::span<std::byte> slot) const {
  // Acquire: pairs with the release in the peer's send().
  const uint16_t tail = word16(other().head.offset + kTailAt).load();
  if (tail >= layout_.num_elements) return ReceiveResult::kBadIndex;
  if (tail == head_) return ReceiveResult::kEmpty;
  const uint64_t at = other().elements.offset + uint64_t{head_} * layout_.element_size;
  std::memcpy(slot.data(), region_.data() + at, std::min<size_t>(slot.size(), element_size()));
  return ReceiveResult::kMessage;
}

void MsgEndpoint::consume() {
  head_ = static_cast<uint16_t>((head_ + 1) % layout_.num_elements);
  // Release: the slot was copied before the peer may reuse it.
  word16(own().head.offset + kHeadAt).store(head_);
}

bool MsgEndpoint::can_send() const {
  const uint16_t head = word16(other().head.offset + kHeadAt).load();
  return head < layout_.num_elements && (tail_ + 1) % layout_.num_elements != head;
}

bool MsgEndpoint::send(std::span<const std::byte> message) {
  if (!can_send() || message.size() > element_size()) return false;
  const uint64_t at = own().elements.offset + uint64_t{tail_} * layout_.element_size;
  std::memcpy(region_.data() + at, message.data(), message.size());
  tail_ = static_cast<uint16_t>((tail_ + 1) % layout_.num_elements);
  // Release: the slot is written before the peer sees it. Pairs with the acquire in the
  // peer's receive().
  word16(own().head.offset + kTailAt).store(tail_);
  notify(kMessageBit);
  return true;
}

void MsgEndpoint::notify(uint32_t bit) {
  const size_t index = bit / kWordBits;
  if (index >= words()) return;
  wanted_[index] |= uint32_t{1} << (bit % kWordBits);
  collected_ = true;
}

Wake MsgEndpoint::commit() {
  if (!std::exchange(collected_, false)) return Wake::kNothing;
  // The work comes before the look at what the peer has acknowledged. Pairs with the
  // barrier of the peer's acknowledge(): acknowledge first, then look for work.
  full_barrier();
  bool flipped = false;
  for (size_t index = 0; index < words(); ++index) {
    if (wanted_[index] == 0) continue;
    const uint32_t unseen = tx_[index] ^ rx_word(other(), index).load();
    const uint32_t flip = wanted_[index] & ~unseen;
    wanted_[index] = 0;
    if (flip == 0) continue;
    tx_[index] ^= flip;
    tx_word(own(), index).store(tx_[index]);
    flipped = true;
  }
  if (!flipped) return Wake::kNothing;
  // The bits come before the question. Pairs with the barrier of the peer's
  // set_need_wakeup().
  full_barrier();
  const bool asleep = word32(other().side.offset + kNeedWakeupAt).load() != 0;
  return asleep || peer_epoch_ == 0 ? Wake::kRing : Wake::kAwake;
}

uint32_t MsgEndpoint::acknowledge(size_t index) {
  const uint32_t pending = rx_[index] ^ tx_word(other(), index).load();
  if (pending == 0) return 0;
  rx_[index] ^= pending;
  rx_word(own(), index).store(rx_[index]);
  // Acknowledge before looking for what was announced. Pairs with the first barrier of
  // the peer's commit().
  full_barrier();
  return pending;
}

bool MsgEndpoint::has_pending() const {
  for (size_t index = 0; index < words(); ++index) {
    if ((rx_[index] ^ tx_word(other(), index).load()) != 0) return true;
  }
  return false;
}

}  // namespace stratos::virtio
