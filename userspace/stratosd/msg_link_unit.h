// SPDX-License-Identifier: Apache-2.0
// Links that speak virtio-msg over a region, whoever hands out the region.

#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "config/table_reader.h"
#include "links/shm/shm_link.h"
#include "runtime/loop.h"
#include "stratosd/event_log.h"
#include "stratosd/link_unit.h"

namespace stratos::daemon {

// Keys that all of them have.
struct MsgLinkOptions {
  bool layout_l1 = false;
  bool packed = true;                         // offer RING_PACKED, which Linux then takes
  std::chrono::milliseconds peer_timeout{0};  // a driver side that is silent for so long is dead
};

MsgLinkOptions read_msg_link_options(config::TableReader& reader);
// As in the configuration.
nlohmann::ordered_json describe(const MsgLinkOptions& options);

class MsgLinkUnit : public LinkUnit {
 public:
  // Serves `attachment`, or, without one, what take() brings.
  MsgLinkUnit(runtime::Loop& loop, const LinkConfig& config, const MsgLinkOptions& options,
              std::unique_ptr<links::Attachment> attachment);

  std::expected<void, std::string> add_device(const DeviceConfig& config,
                                              HostedDevice& device) override;
  std::expected<void, std::string> serve() override;
  const virtio::Instance* instance(uint16_t number) const override;
  nlohmann::ordered_json status() const override;
  nlohmann::ordered_json stats() const override;

 protected:
  bool has_memory() const { return first_ != nullptr; }
  // New memory; before serve() it is kept, later it replaces the old one.
  void take(std::unique_ptr<links::Attachment> attachment);

 private:
  EventLog events_;
  runtime::Log log_;
  links::ShmLink link_;
  bool serving_ = false;
  std::unique_ptr<links::Attachment> first_;  // until serve()
};

}  // namespace stratos::daemon
