// SPDX-License-Identifier: Apache-2.0
// A directory for one test.

#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace stratos::hub {

class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string name = "/tmp/stratos-test-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  std::string file(const std::string& name) const { return path_ / name; }
  bool empty() const { return std::filesystem::is_empty(path_); }

 private:
  std::filesystem::path path_;
};

}  // namespace stratos::hub
