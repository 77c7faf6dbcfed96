// SPDX-License-Identifier: Apache-2.0
#include "stratosd/identity.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace stratos::daemon {
namespace {

constexpr uid_t kSameUser = static_cast<uid_t>(-1);
constexpr gid_t kSameGroup = static_cast<gid_t>(-1);

std::unexpected<std::string> failed(const char* what) {
  return std::unexpected(
      fmt::format("cannot {}: {}; start as root or leave user and group out of the configuration",
                  what, std::strerror(errno)));
}

}  // namespace

std::expected<Identity, std::string> Identity::find(const std::string& user,
                                                    const std::string& group) {
  Identity identity;
  if (!user.empty()) {
    const passwd* entry = ::getpwnam(user.c_str());
    if (!entry) {
      return std::unexpected(fmt::format("stratosd.user: there is no user \"{}\"", user));
    }
    identity.user_name_ = user;
    identity.user_ = entry->pw_uid;
    identity.group_ = entry->pw_gid;
  }
  if (!group.empty()) {
    const struct group* entry = ::getgrnam(group.c_str());
    if (!entry) {
      return std::unexpected(fmt::format("stratosd.group: there is no group \"{}\"", group));
    }
    identity.group_ = entry->gr_gid;
  }
  return identity;
}

// Groups first: whoever has given up his user may change none of it.
std::expected<void, std::string> Identity::assume() const {
  if (user_ != kSameUser && ::initgroups(user_name_.c_str(), group_) != 0) {
    return failed("set the groups");
  }
  if (group_ != kSameGroup && ::setresgid(group_, group_, group_) != 0) {
    return failed("set the group");
  }
  if (user_ != kSameUser && ::setresuid(user_, user_, user_) != 0) return failed("set the user");
  return {};
}

}  // namespace stratos::daemon
