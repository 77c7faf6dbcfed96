// SPDX-License-Identifier: Apache-2.0
// stratosd as it is installed, sandbox and all, with a thread for a chip. This machine has no
// eMMC, so the chip is a character device that refuses every command.

#include <gtest/gtest.h>
#include <linux/virtio_rpmb.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <string>

#include "rpmb/rpmb_frames.h"
#include "stratosd/notified_process.h"
#include "vhost_user_front.h"

namespace stratos::test {
namespace {

constexpr uint16_t kGeneralFailure = 1;

// One request; the first frame of its answer.
Look ask(VhostUserFront& front, const Frames& frames) {
  const Bytes request = to_bytes(frames);
  DriverMemory& memory = front.memory();
  const Buffer out{memory.allocate(request.size()), static_cast<uint32_t>(request.size())};
  const Buffer in{memory.allocate(sizeof(Frame)), sizeof(Frame)};
  std::ranges::copy(request, memory.at(out.address));
  DriverQueue& queue = front.queue(0);
  queue.add(std::array{out}, std::array{in});
  queue.publish();
  queue.enable_notifications();
  front.kick_if_needed(0);
  while (!queue.get_used()) {
    if (!front.wait_for_call(0, std::chrono::seconds(5))) throw std::runtime_error("no answer");
  }
  Frame frame;
  std::copy_n(memory.at(in.address), frame.size(), frame.begin());
  return look_at(frame);
}

TEST(RpmbMmc, WhatTheChipRefusesIsAFailureThatTheGuestIsTold) {
  const hub::ScratchDirectory scratch;
  std::ofstream(scratch.file("stratosd.toml"))
      << "[stratosd]\ncontrol_socket = \"" << scratch.file("control")
      << "\"\n[[link]]\nname = \"a\"\ntype = \"vhost-user\"\nsocket = \"" << scratch.file("a")
      << "\"\n[[device]]\nname = \"chip\"\ntype = \"rpmb-mmc\"\nlink = \"a\"\nnumber = 0\n"
         "device = \"/dev/full\"\ncapacity = \"128K\"\nmax_write_blocks = 1\n";
  NotifiedProcess daemon(scratch, "stratosd",
                         {STRATOSD_PATH, "--config", scratch.file("stratosd.toml")});
  ASSERT_TRUE(daemon.ready()) << daemon.log();
  VhostUserFront front(VhostUserChannel::connect(scratch.file("a")), {});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask(front, get_counter()).result, kGeneralFailure) << daemon.log();
  }
  daemon.process().signal(SIGTERM);
  EXPECT_EQ(daemon.process().wait(), 0) << daemon.log();
}

}  // namespace
}  // namespace stratos::test
