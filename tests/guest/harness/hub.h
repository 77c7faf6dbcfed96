// SPDX-License-Identifier: Apache-2.0
// stratos-hub and what keeps its descriptors while it is away, for as long as the object
// lives.

#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "harness/scratch.h"
#include "harness/service.h"

namespace stratos::guest {

class Hub {
 public:
  Hub(const Scratch& scratch, const std::vector<std::string>& links,
      const std::string& region_size = "4M");

  // Where the guest's machine connects, and where the helper or the stub VM's machine does.
  std::filesystem::path driver_socket(const std::string& link) const;
  std::filesystem::path device_socket(const std::string& link) const;
  // Of the hub itself.
  pid_t pid() const;
  // Kills it; it is started again at once, and serves when this returns.
  void crash();

 private:
  std::filesystem::path sockets_;
  std::unique_ptr<Service> service_;
};

}  // namespace stratos::guest
