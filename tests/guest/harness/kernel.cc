// SPDX-License-Identifier: Apache-2.0

#include "harness/kernel.h"

#include <fmt/format.h>

#include "harness/error.h"

namespace stratos::guest {

namespace fs = std::filesystem;

Kernel Kernel::of(const std::string& series) {
  const fs::path link = build_folder() / "kernels" / series;
  if (!fs::is_symlink(link))
    throw HarnessError(fmt::format("no {}: run `make check-guest`", link.string()));
  Kernel kernel{.series = series, .release = fs::read_symlink(link), .image = {}, .initramfs = {}};
  kernel.image = link / "vmlinux";
  kernel.initramfs = build_folder() / "initramfs" / (kernel.release + ".cpio");
  for (const fs::path& file : {kernel.image, kernel.initramfs}) {
    if (!fs::exists(file))
      throw HarnessError(fmt::format("no {}: run `make check-guest`", file.string()));
  }
  return kernel;
}

fs::path build_folder() { return STRATOS_BUILD_FOLDER; }

fs::path built_program(const std::string& name) {
  fs::path path = fs::path(STRATOS_PROGRAMS_FOLDER) / name / name;
  if (name == "stratos-hub") path = fs::path(STRATOS_PROGRAMS_FOLDER) / "hub" / name;
  if (name == "stratos-rpmb") path = fs::path(STRATOS_PROGRAMS_FOLDER) / "rpmbtool" / name;
  if (!fs::exists(path)) throw HarnessError(fmt::format("no {}: not built", path.string()));
  return path;
}

}  // namespace stratos::guest
