// SPDX-License-Identifier: Apache-2.0
// A guest that serves itself: its devices are those of a helper in the same guest, over
// virtio_msg_loopback.

#pragma once

#include <optional>
#include <string>

#include "fixture.h"
#include "harness/local_helper.h"
#include "harness/rpmb.h"

namespace stratos::guest {

class LoopbackBench : public KernelTest {
 protected:
  // Boots the guest and loads the bus and the frontends.
  void boot_guest(int cpus = 1);
  // boot_guest(), and a helper with can0 and can1, both on a virtual bus whose traffic it
  // records, and vrpmb0, whose key is programmed and in /tmp/key. All are up.
  void start_bench(int cpus = 1, const LocalHelper::Options& options = {});

  Guest& a() { return *a_; }
  LocalHelper& helper() { return *helper_; }
  const LocalRpmbStore& store() const { return *store_; }

  // Sends a frame from can0 and sees it at can1.
  void expect_frames_pass();
  // Writes blocks and sends numbered frames for as long as the helper is killed as its
  // options say; at the end all of it is there, and each write was done once.
  void expect_loads_survive_kills();
  // Waits until no device of a link is left.
  void wait_for_no_devices();

 private:
  Guest* a_ = nullptr;
  std::optional<LocalRpmbStore> store_;
  std::optional<LocalHelper> helper_;
};

}  // namespace stratos::guest
