// SPDX-License-Identifier: Apache-2.0
#include "runtime/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "runtime/unique_fd.h"

namespace stratos::runtime {
namespace {

// The rights that each ABI of the kernel adds; the first has 13.
uint64_t all_rights(long abi) {
  const unsigned count = abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13;
  return (uint64_t{1} << count) - 1;
}

std::unexpected<std::string> failed(const std::string& what) {
  return std::unexpected("Landlock: " + what + ": " + std::strerror(errno));
}

}  // namespace

std::expected<bool, std::string> restrict_file_system(std::span<const std::string> unlink_in) {
  const long abi =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 0) {
    // ENOSYS: not built in; EOPNOTSUPP: not enabled at boot; EPERM: a container.
    return false;
  }
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = all_rights(abi);
  const UniqueFd ruleset(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0)));
  if (!ruleset) return failed("cannot create rules");
  for (const std::string& directory : unlink_in) {
    const UniqueFd parent(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!parent) return failed(directory);
    landlock_path_beneath_attr rule{};
    rule.allowed_access = LANDLOCK_ACCESS_FS_REMOVE_FILE;
    rule.parent_fd = parent.get();
    if (syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
      return failed(directory);
    }
  }
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return failed("cannot enforce");
  return true;
}

}  // namespace stratos::runtime
