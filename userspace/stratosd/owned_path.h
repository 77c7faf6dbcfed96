// SPDX-License-Identifier: Apache-2.0
// A path that one item of the configuration may use and no other, and the key that
// names it.

#pragma once

#include <string>

namespace stratos::daemon {

struct OwnedPath {
  std::string key;
  std::string path;
};

}  // namespace stratos::daemon
