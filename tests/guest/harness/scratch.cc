// SPDX-License-Identifier: Apache-2.0

#include "harness/scratch.h"

#include <stdlib.h>

#include <algorithm>
#include <fstream>

#include "harness/error.h"
#include "harness/kernel.h"

namespace stratos::guest {

namespace fs = std::filesystem;

Scratch::Scratch(const std::string& name) {
  std::string file = name;
  std::replace(file.begin(), file.end(), '/', '_');
  logs_ = build_folder() / "guest-logs" / file;
  fs::remove_all(logs_);
  fs::create_directories(logs_);
  std::string pattern = fs::temp_directory_path() / "stratos-XXXXXX";
  if (!mkdtemp(pattern.data())) throw HarnessError("no temporary folder");
  sockets_ = pattern;
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(sockets_, ignored);
}

fs::path Scratch::write(const std::string& file, const std::string& text) const {
  const fs::path path = logs_ / file;
  std::ofstream(path) << text;
  return path;
}

}  // namespace stratos::guest
