// SPDX-License-Identifier: Apache-2.0
#include "stratosd/loopback_link_plan.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "config/table_reader.h"
#include "links/loopback/loopback_attachment.h"
#include "runtime/kept_fds.h"
#include "runtime/log.h"
#include "stratosd/msg_link_unit.h"

namespace stratos::daemon {
namespace {

constexpr config::Range kSizeRange{1 << 20, 1 << 30};
constexpr uint64_t kDefaultSize = 4 << 20;
constexpr uint64_t kSizeUnit = 64 << 10;  // the largest page that Linux has

// The file outlives a helper that dies if the service manager keeps it.
class LoopbackLinkUnit final : public MsgLinkUnit {
 public:
  // `fd` is the attachment's.
  LoopbackLinkUnit(runtime::Loop& loop, const LinkConfig& config, const MsgLinkOptions& options,
                   std::unique_ptr<links::Attachment> attachment, int fd, bool kept)
      : MsgLinkUnit(loop, config, options, std::move(attachment)), fd_(fd), kept_(kept) {}

  std::expected<void, std::string> serve() override {
    auto served = MsgLinkUnit::serve();
    if (served && !kept_) runtime::keep_fd(config().name, fd_);
    // Not worth keeping: the next helper begins anew.
    if (!served && kept_) runtime::forget_fd(config().name);
    return served;
  }

 private:
  int fd_;
  bool kept_;
};

class LoopbackLinkPlan final : public LinkPlan {
 public:
  explicit LoopbackLinkPlan(config::TableReader& reader)
      : options_(read_msg_link_options(reader)),
        device_(reader.optional("device", links::kLoopbackNode)),
        size_(reader.size("size", kDefaultSize, kSizeRange)) {
    if (!device_.starts_with('/')) {
      reader.error("device", fmt::format("\"{}\" is no device node; write a path such as \"{}\"",
                                         device_, links::kLoopbackNode));
    }
    if (size_ % kSizeUnit != 0) {
      reader.error("size", fmt::format("{} is no multiple of {}; round it up", size_, kSizeUnit));
    }
  }

  // Each link has an open file of its own.
  OwnedPath endpoint() const override { return {"device", {}}; }

  nlohmann::ordered_json options() const override {
    auto options = describe(options_);
    options["device"] = device_;
    options["size"] = size_;
    return options;
  }

  std::expected<std::unique_ptr<LinkUnit>, std::string> open(
      runtime::Loop& loop, const LinkConfig& link) const override {
    auto attachment = adopt(link.name);
    const bool kept = attachment != nullptr;
    if (!kept) {
      auto created = links::LoopbackAttachment::create(device_, size_);
      if (!created) return std::unexpected(fmt::format("link {}: {}", link.name, created.error()));
      attachment = std::move(*created);
    }
    const int fd = attachment->fd();
    return std::make_unique<LoopbackLinkUnit>(loop, link, options_, std::move(attachment), fd,
                                              kept);
  }

 private:
  // What a predecessor left, if it is of use; else the kernel's devices end here.
  std::unique_ptr<links::LoopbackAttachment> adopt(const std::string& name) const {
    runtime::UniqueFd fd = runtime::take_kept_fd(name);
    if (!fd) return nullptr;
    auto adopted = links::LoopbackAttachment::adopt(std::move(fd), size_);
    if (adopted) return std::move(*adopted);
    runtime::Log(name).warn("what was kept is of no use: {}; beginning anew", adopted.error());
    runtime::forget_fd(name);
    return nullptr;
  }

  MsgLinkOptions options_;
  std::string device_;
  uint64_t size_;
};

}  // namespace

std::unique_ptr<LinkPlan> read_loopback_link_plan(config::TableReader& reader) {
  return std::make_unique<LoopbackLinkPlan>(reader);
}

}  // namespace stratos::daemon
