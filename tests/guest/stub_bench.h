// SPDX-License-Identifier: Apache-2.0
// A guest whose can0 is served onto vcan0 of a stub VM.

#pragma once

#include <optional>

#include "fixture.h"
#include "harness/hub.h"
#include "harness/stub_vm.h"

namespace stratos::guest {

class StubBench : public KernelTest {
 protected:
  // Starts hub, both machines and the helper in the stub, loads the modules and sets can0 up.
  void start_bench();

  Guest& a() { return *a_; }
  Guest& stub() { return *b_; }

  // Sends so many numbered frames from vcan0, which takes any number at once, and sees each once
  // and in order at can0, however slow that is.
  void expect_flood_arrives(uint64_t frames);
  // can-utils' canfdtest: a() sends, the stub answers each frame with one that is one higher in
  // every byte, fifty are on the way at any time, and a() checks what comes back.
  void expect_full_duplex(uint64_t frames);

 private:
  std::optional<Hub> hub_;
  std::optional<StubVm> helper_;
  Guest* a_ = nullptr;
  Guest* b_ = nullptr;
};

}  // namespace stratos::guest
