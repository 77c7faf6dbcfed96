// SPDX-License-Identifier: Apache-2.0
#include "stratosd/uio_link_plan.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "config/table_reader.h"
#include "links/shm/uio.h"
#include "stratosd/msg_link_unit.h"

namespace stratos::daemon {
namespace {

constexpr const char* kAuto = "auto";

class UioLinkPlan final : public LinkPlan {
 public:
  explicit UioLinkPlan(config::TableReader& reader)
      : options_(read_msg_link_options(reader)), device_(reader.optional("device", kAuto)) {
    if (device_ == kAuto || device_.starts_with('/')) return;
    reader.error("device", fmt::format("\"{}\" is no device node; write \"auto\" or a path such "
                                       "as \"/dev/uio0\"",
                                       device_));
  }

  OwnedPath endpoint() const override { return {"device", device_}; }
  nlohmann::ordered_json options() const override { return describe(options_); }

  std::expected<std::unique_ptr<LinkUnit>, std::string> open(
      runtime::Loop& loop, const LinkConfig& link) const override {
    const auto failed = [&](const std::string& why) {
      return std::unexpected(fmt::format("link {}: {}", link.name, why));
    };
    const auto node = links::find_uio(device_);
    if (!node) return failed(node.error());
    auto attachment = links::open_uio(*node);
    if (!attachment) return failed(attachment.error());
    return std::make_unique<MsgLinkUnit>(loop, link, options_, std::move(*attachment));
  }

 private:
  MsgLinkOptions options_;
  std::string device_;
};

}  // namespace

std::unique_ptr<LinkPlan> read_uio_link_plan(config::TableReader& reader) {
  return std::make_unique<UioLinkPlan>(reader);
}

}  // namespace stratos::daemon
