// SPDX-License-Identifier: Apache-2.0
// Where a test leaves its files.

#pragma once

#include <filesystem>
#include <string>

namespace stratos::guest {

// Two folders: one for logs under the build folder, emptied when a test of that name starts and
// kept afterwards; and one for sockets with a name short enough for sun_path, gone with the object.
class Scratch {
 public:
  explicit Scratch(const std::string& name);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& logs() const { return logs_; }
  const std::filesystem::path& sockets() const { return sockets_; }
  // Puts a text into the logs folder and returns where.
  std::filesystem::path write(const std::string& file, const std::string& text) const;

 private:
  std::filesystem::path logs_;
  std::filesystem::path sockets_;
};

}  // namespace stratos::guest
