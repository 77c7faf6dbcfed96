// SPDX-License-Identifier: Apache-2.0
// What survives this process on a vhost-user link: the inflight tables of the device's
// queues, one after another as the specification lays them out, and at the very end of the
// same memory the record of the device's own state (virtio/state_record.h).
//
// The front-end keeps the memory, and may write to it at any time. Where it keeps none, a
// file of our own takes its place, or private memory, which does not survive the process.

#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>

#include "links/vhost_user/messages.h"
#include "runtime/bus_error.h"
#include "runtime/mapping.h"
#include "runtime/unique_fd.h"
#include "virtio/inflight.h"
#include "virtio/instance.h"
#include "virtio/limits.h"
#include "virtio/state_record.h"

namespace stratos::links::vhost_user {

class InflightRegion {
 public:
  // Private memory for `queues` queues of at most `queue_size` entries.
  static std::expected<InflightRegion, std::string> create_private(uint16_t queues,
                                                                   uint16_t queue_size);
  // The same in a file that a successor opens again; it is created if it is not there.
  static std::expected<InflightRegion, std::string> open_file(const std::string& path,
                                                              uint16_t queues, uint16_t queue_size);
  // New memory to give to a front-end (GET_INFLIGHT_FD), and its description.
  struct Gift {
    runtime::UniqueFd fd;
    InflightArea area;
  };
  static std::expected<Gift, std::string> create_gift(uint16_t queues, uint16_t queue_size);
  // Memory that a front-end hands in (SET_INFLIGHT_FD). The error is one line.
  static std::expected<InflightRegion, std::string> adopt(const InflightArea& area,
                                                          const runtime::UniqueFd& fd);

  InflightRegion() = default;

  // Whether whoever keeps the memory was found to have cut it off.
  bool cut_off() const { return guard_.hit(); }

  // Sets `tables` to those of queues of this format, for virtio::Instance::Binding; empty
  // where the memory has no room for one. Valid as long as the region, which may be moved.
  // Before any call that has to do with state.
  void lay_out(bool packed, std::span<virtio::InflightTable> tables);
  // Whether a predecessor had begun to use one of the tables.
  static bool begun(std::span<const virtio::InflightTable> tables, bool packed);
  static void forget(const virtio::InflightTable& table);
  // Forgets all tables and the state.
  void clear();

  // The device's state as it was when lay_out() was called; nullopt if there was none, or
  // none that is whole. Every field is the front-end's word.
  const std::optional<virtio::InstanceState>& found_state() const { return found_; }
  void store_state(const virtio::InstanceState& state);
  void forget_state();

 private:
  InflightRegion(runtime::Mapping mapping, const InflightArea& area);
  std::span<std::byte> record_area() const;

  runtime::Mapping mapping_;
  runtime::BusErrorGuard guard_;
  std::span<std::byte> bytes_;
  uint16_t queues_ = 0;
  uint16_t queue_size_ = 0;
  bool recording_ = false;  // there is room for the record
  bool formatted_ = false;  // and it is one of ours
  std::optional<virtio::InstanceState> found_;
  virtio::StateRecords records_;
};

}  // namespace stratos::links::vhost_user
