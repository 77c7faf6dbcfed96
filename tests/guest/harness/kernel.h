// SPDX-License-Identifier: Apache-2.0
// The kernels that guests boot, as scripts/kernels and scripts/initramfs left them.

#pragma once

#include <filesystem>
#include <string>

namespace stratos::guest {

struct Kernel {
  std::string series;   // "6.1"
  std::string release;  // what uname -r says
  std::filesystem::path image;
  std::filesystem::path initramfs;

  // Throws HarnessError, saying what to run, if one of the files is not there.
  static Kernel of(const std::string& series);
};

// The folder that `make` builds under, and the programs in it.
std::filesystem::path build_folder();
std::filesystem::path built_program(const std::string& name);

}  // namespace stratos::guest
