// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "stratosd/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(stratos::daemon::parse_config(text, "file"));
  return 0;
}
