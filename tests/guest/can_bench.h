// SPDX-License-Identifier: Apache-2.0
// A guest with two CAN interfaces that the helper on this machine joins to one bus.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "fixture.h"
#include "harness/can.h"
#include "harness/helper.h"
#include "harness/hub.h"

namespace stratos::guest {

// can0 and can1 of the guest are devices 0 and 1 of link "a", both on a virtual bus whose traffic
// the helper records.
class CanBench : public KernelTest {
 protected:
  // Starts hub, helper and guest, loads the modules and sets both interfaces up.
  void start_bench(int cpus = 1);
  // The same over another door than the hub: `config` is the helper's, whose virtual bus has
  // bus_keys(), and `transport` the module by which `machine` finds both devices.
  void start_over(const std::string& config, const Machine& machine, const std::string& transport);
  // Further lines of the [[bus]].
  std::string bus_keys() const;

  Guest& a() { return *a_; }
  Helper& helper() { return *helper_; }
  Hub& hub() { return *hub_; }
  // Sends a frame from can0 and sees it at can1.
  void expect_frames_pass();
  // Sends so many numbered frames, a multiple of 25000, from can0 and sees each once and in order
  // in the helper's record and at can1.
  void expect_numbered_frames_pass(uint64_t frames);
  // The same at can1 though the helper is killed and started again, evenly over the way, so many
  // times. What was in flight at a kill may come again, in its order. Over virtio-msg this needs
  // allow_long_absence(a()).
  void expect_numbered_frames_survive_crashes(uint64_t frames, uint64_t crashes);
  // The same where `crash` kills whom it likes, the helper at most once, and brings all back.
  void expect_numbered_frames_survive(uint64_t frames, uint64_t crashes,
                                      const std::function<void()>& crash);

 private:
  std::filesystem::path record() const { return scratch_.logs() / "bus.log"; }
  uint64_t received_at_can1();

  std::unique_ptr<Hub> hub_;
  std::unique_ptr<Helper> helper_;
  Guest* a_ = nullptr;
};

}  // namespace stratos::guest
