// SPDX-License-Identifier: Apache-2.0
#include "stratosd/rpmb_plan.h"

#include <utility>

#include "config/table_reader.h"
#include "devices/rpmb/rpmb_device.h"
#include "hosts/rpmb_file.h"
#include "stratosd/hosted_rpmb.h"
#include "stratosd/hosts.h"
#include "stratosd/rpmb_keys.h"

namespace stratos::daemon {
namespace {

class RpmbPlan final : public DevicePlan {
 public:
  explicit RpmbPlan(config::TableReader& reader)
      : file_{.store = reader.required("store", "write the path that stratos-rpmb created"),
              .anchor = reader.required("anchor", "write the path that stratos-rpmb created"),
              .key_file = reader.optional("key_file", ""),
              .key_credential = reader.optional("key_credential", "")} {
    options_.max_write_blocks = read_max_write_blocks(reader, options_.max_write_blocks);
    options_.max_read_blocks = read_max_read_blocks(reader, options_.max_read_blocks);
    options_.device_configuration = reader.boolean("device_configuration", false);
    check_files(reader);
  }

  void check(const DeviceConfig&, const Config&, config::Errors&) const override {}

  std::vector<OwnedPath> owned_paths() const override {
    return {{"store", normal_path(file_.store)}, {"anchor", normal_path(file_.anchor)}};
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
    if (!file_.store.empty() && normal_path(file_.store) == normal_path(file_.anchor)) {
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
