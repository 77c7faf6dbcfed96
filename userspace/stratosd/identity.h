// SPDX-License-Identifier: Apache-2.0
// Whom the daemon runs as, once it has opened what needs more rights.

#pragma once

#include <sys/types.h>

#include <expected>
#include <string>

namespace stratos::daemon {

class Identity {
 public:
  // Looks up the names; empty ones mean "as we are". The error is one line.
  static std::expected<Identity, std::string> find(const std::string& user,
                                                   const std::string& group);

  // For chown(): -1 means "as it is".
  uid_t user() const { return user_; }
  gid_t group() const { return group_; }

  // Becomes that user, for good, with the groups that he has. The error is one line.
  std::expected<void, std::string> assume() const;

 private:
  std::string user_name_;
  uid_t user_ = static_cast<uid_t>(-1);
  gid_t group_ = static_cast<gid_t>(-1);
};

}  // namespace stratos::daemon
