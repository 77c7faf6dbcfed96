// SPDX-License-Identifier: Apache-2.0
#include "stratosd/rpmb_plan.h"

#include <filesystem>
#include <string_view>
#include <utility>

#include "config/table_reader.h"
#include "devices/rpmb/rpmb_device.h"
#include "hosts/rpmb_file.h"
#include "stratosd/hosted_rpmb.h"
#include "stratosd/hosts.h"

namespace stratos::daemon {
namespace {

constexpr config::Range kWriteRange{1, rpmb::kMaxWriteBlocks};
constexpr config::Range kReadRange{1, rpmb::kMaxReadBlocks};

std::string normal(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

uint16_t blocks(config::TableReader& reader, std::string_view key, uint16_t fallback,
                config::Range range) {
  return static_cast<uint16_t>(reader.integer(key, fallback, range));
}

class RpmbPlan final : public DevicePlan {
 public:
  explicit RpmbPlan(config::TableReader& reader)
      : file_{.store = reader.required("store", "write the path that stratos-rpmb created"),
              .anchor = reader.required("anchor", "write the path that stratos-rpmb created"),
              .key_file = reader.optional("key_file", ""),
              .key_credential = reader.optional("key_credential", "")} {
    options_.max_write_blocks =
        blocks(reader, "max_write_blocks", options_.max_write_blocks, kWriteRange);
    options_.max_read_blocks =
        blocks(reader, "max_read_blocks", options_.max_read_blocks, kReadRange);
    options_.device_configuration = reader.boolean("device_configuration", false);
    check_files(reader);
  }

  void check(const DeviceConfig&, const Config&, config::Errors&) const override {}

  std::vector<OwnedPath> owned_paths() const override {
    return {{"store", normal(file_.store)}, {"anchor", normal(file_.anchor)}};
  }

  std::expected<std::unique_ptr<HostedDevice>, std::string> build(const DeviceConfig&,
                                                                  Hosts& hosts) const override {
    auto store = hosts::RpmbFile::open(hosts.loop, file_);
    if (!store) return std::unexpected(std::move(store.error()));
    return host_rpmb_device(std::move(*store), options_);
  }

 private:
  // A key that was refused is not there any more, but it is in the table.
  void check_files(config::TableReader& reader) const {
    if (!file_.store.empty() && normal(file_.store) == normal(file_.anchor)) {
      reader.error("anchor", "is the store itself; write another path, ideally on another disk");
    }
    const bool file = reader.has("key_file");
    const bool credential = reader.has("key_credential");
    if (file && credential) {
      reader.error("key_credential", "is the second key; write key_file or key_credential");
    }
    if (!file && !credential) {
      reader.error("key_file", "is missing; write the path of the sealing key, or key_credential");
    }
  }

  hosts::RpmbFile::Options file_;
  rpmb::RpmbDevice::Options options_;
};

}  // namespace

std::unique_ptr<DevicePlan> read_rpmb_plan(config::TableReader& reader) {
  return std::make_unique<RpmbPlan>(reader);
}

}  // namespace stratos::daemon
