// SPDX-License-Identifier: Apache-2.0
#include "links/vhost_user/device_state.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <vector>

#include "runtime/nonblocking.h"
#include "virtio/state_record.h"

namespace stratos::links::vhost_user {
namespace {

// "VUD1"
constexpr uint32_t kTag = 0x31445556;

std::unexpected<std::string> failed(const char* what) {
  return std::unexpected(fmt::format("cannot {} device state: {}", what, std::strerror(errno)));
}

// What is neither pipe nor socket could block, or be a file to spoil.
std::expected<void, std::string> prepare(const runtime::UniqueFd& pipe) {
  struct stat status {};
  if (fstat(pipe.get(), &status) != 0) return failed("look at the way of");
  if (!S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode)) {
    return std::unexpected("device state goes through a pipe");
  }
  if (!runtime::set_nonblocking(pipe.get())) return failed("prepare the way of");
  return {};
}

}  // namespace

std::expected<void, std::string> save_state(const runtime::UniqueFd& pipe,
                                            const virtio::InstanceState& state) {
  if (auto prepared = prepare(pipe); !prepared) return prepared;
  std::vector<std::byte> bytes(virtio::StateRecords::table_size(1));
  virtio::StateRecords records;
  records.attach(bytes, kTag);
  records.format(kTag);
  records.store(0, {.epoch = 1, .memory = {}, .storage = {}, .state = state});
  const ssize_t written = write(pipe.get(), bytes.data(), bytes.size());
  if (written != static_cast<ssize_t>(bytes.size())) return failed("write");
  return {};
}

std::expected<virtio::InstanceState, std::string> load_state(const runtime::UniqueFd& pipe) {
  if (auto prepared = prepare(pipe); !prepared) return std::unexpected(prepared.error());
  std::vector<std::byte> bytes(virtio::StateRecords::table_size(1) + 1);
  size_t have = 0;
  for (;;) {
    const ssize_t got = read(pipe.get(), bytes.data() + have, bytes.size() - have);
    if (got < 0) return failed("read");
    if (got == 0) break;
    have += static_cast<size_t>(got);
    if (have == bytes.size()) break;
  }
  virtio::StateRecords records;
  virtio::DeviceRecord record;
  bytes.pop_back();
  if (have != bytes.size() || !records.attach(bytes, kTag) ||
      records.load(0, record) != virtio::RecordResult::kLoaded) {
    return std::unexpected("device state that no stratosd of this version wrote");
  }
  return record.state;
}

}  // namespace stratos::links::vhost_user
