// SPDX-License-Identifier: Apache-2.0
#include "links/vhost_user/device_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <vector>

#include "virtio/state_record.h"

namespace stratos::links::vhost_user {
namespace {

// "VUD1"
constexpr uint32_t kTag = 0x31445556;

std::unexpected<std::string> failed(const char* what) {
  return std::unexpected(fmt::format("cannot {} device state: {}", what, std::strerror(errno)));
}

// A pipe of our own between memory and the front-end's: reading or writing that one could
// block, as its O_NONBLOCK is the front-end's to change, and splice() need not.
struct OwnPipe {
  runtime::UniqueFd out;
  runtime::UniqueFd in;
};

std::expected<OwnPipe, std::string> prepare(const runtime::UniqueFd& theirs) {
  struct stat status {};
  if (fstat(theirs.get(), &status) != 0 || !S_ISFIFO(status.st_mode)) {
    return std::unexpected("device state goes through a pipe");
  }
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return failed("find a way for");
  return OwnPipe{runtime::UniqueFd(ends[0]), runtime::UniqueFd(ends[1])};
}

// Returns what was moved: 0 at the end.
ssize_t move(const runtime::UniqueFd& from, const runtime::UniqueFd& to, size_t size) {
  return splice(from.get(), nullptr, to.get(), nullptr, size, SPLICE_F_NONBLOCK);
}

}  // namespace

std::expected<void, std::string> save_state(const runtime::UniqueFd& pipe,
                                            const virtio::InstanceState& state) {
  const auto own = prepare(pipe);
  if (!own) return std::unexpected(own.error());
  std::vector<std::byte> bytes(virtio::StateRecords::table_size(1));
  virtio::StateRecords records;
  records.attach(bytes, kTag);
  records.format(kTag);
  records.store(0, {.epoch = 1, .memory = {}, .storage = {}, .state = state});
  const auto size = static_cast<ssize_t>(bytes.size());
  if (write(own->in.get(), bytes.data(), bytes.size()) != size ||
      move(own->out, pipe, bytes.size()) != size) {
    return failed("write");
  }
  return {};
}

std::expected<virtio::InstanceState, std::string> load_state(const runtime::UniqueFd& pipe) {
  const auto own = prepare(pipe);
  if (!own) return std::unexpected(own.error());
  std::vector<std::byte> bytes(virtio::StateRecords::table_size(1) + 1);
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t moved = move(pipe, own->in, bytes.size() - have);
    if (moved < 0) return failed("read");
    if (moved == 0) break;
    if (read(own->out.get(), bytes.data() + have, static_cast<size_t>(moved)) != moved) {
      return failed("read");
    }
    have += static_cast<size_t>(moved);
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
