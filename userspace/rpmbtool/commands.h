// SPDX-License-Identifier: Apache-2.0
// What stratos-rpmb can do. Each prints what it did, or returns one line that says what
// to do instead.

#pragma once

#include <expected>
#include <string>

#include "hosts/rpmb_file/seal_key.h"

namespace stratos::rpmb_tool {

struct Arguments {
  std::string store;
  std::string anchor;
  rpmb_file::KeySource key;
  std::string capacity;  // as parse_size() takes it
  std::string cid;       // 32 hexadecimal digits, or empty
  std::string backup;
  bool accept_rollback = false;
  bool json = false;
};

using Outcome = std::expected<void, std::string>;

Outcome generate_key(const Arguments& arguments);
Outcome create(const Arguments& arguments);
Outcome inspect(const Arguments& arguments);
Outcome verify(const Arguments& arguments);
Outcome backup(const Arguments& arguments);
Outcome restore(const Arguments& arguments);

}  // namespace stratos::rpmb_tool
