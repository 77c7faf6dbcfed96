// SPDX-License-Identifier: Apache-2.0
// Two guests with every device that there is, all served by one helper on this machine.

#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include "fixture.h"
#include "harness/helper.h"
#include "harness/hub.h"
#include "harness/rpmb.h"

namespace stratos::guest {

// can0 and can1 of guest a and can0 of guest b are on one virtual bus; vrpmb0 of each guest has a
// store of its own, whose key is programmed and in the guest's /tmp/key.
class SystemBench : public KernelTest {
 protected:
  // Hub, helper and guests run, and all interfaces are up.
  void start_bench();

  // Numbered frames go from can0 to both others while both guests write to their stores and the
  // helper is killed so many times, at random moments. No frame is missing, and each write was done
  // once.
  void expect_loads_survive_kills(uint64_t frames, uint64_t kills);
  // A CAN device more for guest b, by configuration, that works until it is taken away again.
  void plug_and_unplug();
  void stop_helper();

  // KiB; the helper's count from its last start.
  struct Footprint {
    long hub = 0;
    long helper = 0;
    long kernel_a = 0;
    long kernel_b = 0;
  };
  Footprint footprint();

 private:
  std::string config(bool plugged) const;

  Hub hub_{scratch_, {"a", "b"}};
  RpmbStore store_a_{scratch_, "store-a"};
  RpmbStore store_b_{scratch_, "store-b"};
  std::optional<Helper> helper_;
  Guest* a_ = nullptr;
  Guest* b_ = nullptr;
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace stratos::guest
