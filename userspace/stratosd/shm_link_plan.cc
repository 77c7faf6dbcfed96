// SPDX-License-Identifier: Apache-2.0
#include "stratosd/shm_link_plan.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/table_reader.h"
#include "links/shm/hub_peer.h"
#include "stratosd/msg_link_unit.h"

namespace stratos::daemon {
namespace {

// A predecessor that was killed leaves its seat within milliseconds, and guests wait.
constexpr links::HubPeer::Timing kHubTiming{.retry = std::chrono::milliseconds(100)};

class ShmLinkUnit final : public MsgLinkUnit {
 public:
  ShmLinkUnit(runtime::Loop& loop, const LinkConfig& config, const MsgLinkOptions& options,
              const std::string& socket)
      : MsgLinkUnit(loop, config, options, nullptr),
        socket_(socket),
        hub_(
            loop, socket,
            {.on_attached =
                 [this](std::unique_ptr<links::Attachment> attachment) {
                   take(std::move(attachment));  // later ones are those of a hub that was restarted
                 }},
            kHubTiming) {}

  std::string awaited() const override {
    if (has_memory()) return {};
    return fmt::format(
        "no seat at the hub's device socket {}; start stratos-hub, and stop whoever else serves "
        "this link",
        socket_);
  }

  nlohmann::ordered_json status() const override {
    nlohmann::ordered_json status = MsgLinkUnit::status();
    status["hub"] = hub_.seated() ? "there" : "lost";
    return status;
  }

 private:
  std::string socket_;
  links::HubPeer hub_;
};

class ShmLinkPlan final : public LinkPlan {
 public:
  explicit ShmLinkPlan(config::TableReader& reader)
      : options_(read_msg_link_options(reader)),
        socket_(reader.socket_path("socket", std::nullopt,
                                   "write the path of the hub's device socket")) {}

  OwnedPath endpoint() const override { return {"socket", socket_}; }
  nlohmann::ordered_json options() const override { return describe(options_); }

  std::expected<std::unique_ptr<LinkUnit>, std::string> open(
      runtime::Loop& loop, const LinkConfig& link) const override {
    return std::make_unique<ShmLinkUnit>(loop, link, options_, socket_);
  }

 private:
  MsgLinkOptions options_;
  std::string socket_;
};

}  // namespace

std::unique_ptr<LinkPlan> read_shm_link_plan(config::TableReader& reader) {
  return std::make_unique<ShmLinkPlan>(reader);
}

}  // namespace stratos::daemon
