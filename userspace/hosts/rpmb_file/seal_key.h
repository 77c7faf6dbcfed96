// SPDX-License-Identifier: Apache-2.0
// Where the master key comes from: a file, or a credential that systemd hands over.

#pragma once

#include <expected>
#include <string>

#include "hosts/rpmb_file/seal.h"

namespace stratos::rpmb_file {

// One of the two.
struct KeySource {
  std::string file;        // a path
  std::string credential;  // a name below $CREDENTIALS_DIRECTORY
};

// 32 bytes as they are, or 64 hexadecimal digits and maybe a line feed. A file that
// others can read, or that its group can write, is refused. The error is one line.
std::expected<MasterKey, std::string> read_master_key(const KeySource& source);

// Makes a file with a new key, in hexadecimal, for its owner alone; never replaces one.
std::expected<void, std::string> generate_master_key(const std::string& path);

}  // namespace stratos::rpmb_file
