// SPDX-License-Identifier: Apache-2.0
#include "ring.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  stratos::fuzz::Input input(data, size);
  stratos::fuzz::fuzz_ring(true, input);
  return 0;
}
