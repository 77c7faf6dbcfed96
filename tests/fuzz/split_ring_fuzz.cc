// SPDX-License-Identifier: Apache-2.0
#include "ring.h"

static void run(stratos::fuzz::Input& input) { stratos::fuzz::fuzz_ring(false, input); }

STRATOS_FUZZER(run)
