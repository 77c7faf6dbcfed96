// SPDX-License-Identifier: Apache-2.0

#include "harness/footprint.h"

#include <fmt/format.h>

#include <fstream>
#include <string>

#include "harness/error.h"

namespace stratos::guest {

long kernel_memory_kib(Guest& guest) {
  return std::stol(
      guest
          .must("echo 3 >/proc/sys/vm/drop_caches; awk '/^(SUnreclaim|VmallocUsed|Percpu):/ "
                "{ sum += $2 } END { print sum }' /proc/meminfo")
          .text);
}

long own_memory_kib(pid_t process) {
  std::ifstream status(fmt::format("/proc/{}/status", process));
  for (std::string word; status >> word;) {
    long kib = 0;
    if (word == "RssAnon:" && status >> kib) return kib;
  }
  throw HarnessError(fmt::format("process {} is gone", process));
}

}  // namespace stratos::guest
