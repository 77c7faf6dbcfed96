// SPDX-License-Identifier: Apache-2.0
// A link in the loop: gives a virtio::MsgLink its memory, its doorbells and its turns.
//
// Use: add_device() for each device, then attach() when there is an attachment; with
// a hub, from HubPeer::Listener::on_attached.

#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "links/shm/attachment.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/timer.h"
#include "virtio/msg_link.h"

namespace stratos::links {

class ShmLink final : private runtime::TurnHook {
 public:
  struct Options {
    // `doorbell` is filled in from the attachment.
    virtio::LinkOptions link;
    // Chains of one device that are served before the next one has its turn.
    uint32_t budget = 64;
  };

  // `name` begins the lines of its log. Loop, observer and devices outlive the link.
  ShmLink(runtime::Loop& loop, std::string name, virtio::Observer& observer,
          const Options& options);
  // As release().
  ~ShmLink();
  ShmLink(const ShmLink&) = delete;
  ShmLink& operator=(const ShmLink&) = delete;

  // A device of this link, now (hot plug) and after each attach().
  std::expected<void, virtio::LinkError> add_device(uint16_t number, virtio::Device& device,
                                                    uint64_t memory_size);
  // The driver side is told. The device must stay alive until it is idle().
  void remove_device(uint16_t number);

  // Begins to serve. While a driver side is running on an earlier attachment, the new
  // one waits until that driver left or died. The error names what is wrong; the link
  // is not attached then.
  std::expected<void, std::string> attach(std::unique_ptr<Attachment> attachment);
  bool attached() const { return link_ != nullptr; }

  // Leaves for good: the driver side is told.
  void shut_down();
  // Leaves everything to a successor: the driver side sees a pause and nothing else.
  void release();

  // For status reports; nullptr while not attached.
  const virtio::MsgLink* msg_link() const { return link_.get(); }

 private:
  struct Entry {
    uint16_t number;
    virtio::Device* device;
    uint64_t memory_size;
  };

  bool on_turn_end() override;
  bool on_sleep() override;
  std::expected<void, std::string> begin(std::unique_ptr<Attachment> attachment);
  void end(void (virtio::MsgLink::*farewell)());
  void replace_if_possible();
  bool devices_idle() const;
  void drop_memory();

  runtime::Loop& loop_;
  runtime::Log log_;
  virtio::Observer& observer_;
  Options options_;
  std::vector<Entry> devices_;
  std::unique_ptr<Attachment> attachment_;  // may outlive link_: until the devices are idle
  std::unique_ptr<virtio::MsgLink> link_;
  std::unique_ptr<Attachment> next_;  // waits for the driver side of link_ to go
  runtime::Timer tick_;
  uint64_t tick_at_ = 0;
};

}  // namespace stratos::links
