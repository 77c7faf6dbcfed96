// SPDX-License-Identifier: Apache-2.0
// One side of a link: its own pages of the region and its view of the peer's. Both
// sides work alike, so this serves either role.
//
// What this side wrote is kept in private copies and never read back, except by
// load(): the peer can write everywhere in the region.

#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include <linux/virtio_msg.h>

#include "virtio/amp_layout.h"
#include "virtio/shared_word.h"

namespace stratos::virtio {

enum class Role : uint8_t { kDevice, kDriver };

enum class LinkStatus : uint8_t {
  kInit = VIRTIO_MSG_AMP_INIT,
  kReady = VIRTIO_MSG_AMP_READY,
  kRun = VIRTIO_MSG_AMP_RUN,
  kShutdown = VIRTIO_MSG_AMP_SHUTDOWN,
  kPeerDead = VIRTIO_MSG_AMP_PEER_DEAD,
};

// What a look at the peer's words showed.
struct PeerView {
  bool present = false;  // the magic is right and the status means something
  LinkStatus status = LinkStatus::kInit;
  bool debugged = false;  // must not be declared dead
  uint32_t epoch = 0;     // 0: a standard peer, without epoch, heartbeat and need_wakeup
  friend bool operator==(const PeerView&, const PeerView&) = default;
};

// What a commit() asks for.
enum class Wake : uint8_t {
  kNothing,  // nothing new to announce
  kAwake,    // announced, and the peer looks by itself
  kRing,     // announced, and the peer sleeps
};

enum class ReceiveResult : uint8_t { kMessage, kEmpty, kBadIndex };

class MsgEndpoint {
 public:
  // The layout was read from `region` and has the Stratos part.
  void attach(std::span<std::byte> region, const Layout& layout, Role role);

  // Takes over what a predecessor of this side left. False if an index is out of
  // range: then nothing of it can be used.
  bool load();

  // ---- Status and side ----
  LinkStatus status() const { return status_; }
  void set_status(LinkStatus status);
  uint32_t epoch() const { return epoch_; }
  uint32_t peer_epoch() const { return peer_epoch_; }
  // A new incarnation, bound to nobody.
  void new_epoch();
  void bind_peer(uint32_t epoch);
  void beat();
  void set_doorbell(uint32_t value);
  void set_need_wakeup(bool need);
  // Head, tail and notification words to zero, before READY.
  void zero_queues();

  PeerView peer() const;
  uint32_t peer_heartbeat() const;
  uint32_t peer_doorbell() const;

  // ---- Messages ----
  uint16_t element_size() const { return layout_.element_size; }
  // Copies the oldest message to `slot` (element_size() bytes). It stays in the queue
  // until consume().
  ReceiveResult receive(std::span<std::byte> slot) const;
  void consume();
  // False if the peer has made no room.
  bool can_send() const;
  // At most element_size() bytes. Bit 0 has to be notified afterwards.
  bool send(std::span<const std::byte> message);

  // ---- Notifications ----
  static constexpr uint32_t kMessageBit = 0;
  // First bit of queue 0 of `device`; may lie beyond the bits of the layout.
  uint32_t first_bit(uint32_t device) const { return layout_.vq_notif * (device + 1); }
  uint32_t bit_of(uint32_t device, uint32_t queue) const {
    return first_bit(device) + queue % layout_.vq_notif;
  }
  // Collects: `bit` will be notified by commit(). A bit beyond the layout is ignored.
  void notify(uint32_t bit);
  // Makes the collected notifications visible. What they announce was written before.
  Wake commit();
  // Takes all pending notifications and calls serve(bit) for each; false if none was.
  template <typename Serve>
  bool take_pending(Serve&& serve);
  bool has_pending() const;

 private:
  // Half words of the notification bitmaps, 32 bits each.
  static constexpr size_t kMaxWords = size_t{2} * VIRTIO_MSG_AMP_MAX_NOTIF;
  using Words = std::array<uint32_t, kMaxWords>;

  size_t words() const { return size_t{2} * layout_.num_notif; }
  const SideLayout& own() const { return role_ == Role::kDevice ? layout_.device : layout_.driver; }
  const SideLayout& other() const {
    return role_ == Role::kDevice ? layout_.driver : layout_.device;
  }
  SharedWord16 word16(uint64_t offset) const { return SharedWord16(region_.data() + offset); }
  SharedWord32 word32(uint64_t offset) const { return SharedWord32(region_.data() + offset); }
  SharedWord32 tx_word(const SideLayout& side, size_t index) const {
    return word32(side.notif.offset + 4 * index);
  }
  SharedWord32 rx_word(const SideLayout& side, size_t index) const {
    return word32(side.notif.offset + 4 * (words() + index));
  }
  uint32_t acknowledge(size_t index);

  std::span<std::byte> region_;
  Layout layout_;
  Role role_ = Role::kDevice;
  LinkStatus status_ = LinkStatus::kInit;
  uint16_t head_ = 0;
  uint16_t tail_ = 0;
  uint32_t epoch_ = 0;
  uint32_t peer_epoch_ = 0;
  uint32_t heartbeat_ = 0;
  Words tx_{};
  Words rx_{};
  Words wanted_{};
  bool collected_ = false;  // something is wanted
};

template <typename Serve>
bool MsgEndpoint::take_pending(Serve&& serve) {
  bool any = false;
  for (size_t index = 0; index < words(); ++index) {
    for (uint32_t bits = acknowledge(index); bits != 0; bits &= bits - 1) {
      serve(static_cast<uint32_t>(32 * index) + static_cast<uint32_t>(std::countr_zero(bits)));
      any = true;
    }
  }
  return any;
}

}  // namespace stratos::virtio
