// SPDX-License-Identifier: Apache-2.0
// A path that one item of the configuration may use and no other, and the key that
// names it.

#pragma once

#include <filesystem>
#include <string>

namespace stratos::daemon {

struct OwnedPath {
  std::string key;
  std::string path;
};

// Without dots and doubled slashes, so that one file has one spelling.
inline std::string normal_path(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

}  // namespace stratos::daemon
