// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "hub/fake_client.h"
#include "hub/hub_process.h"

namespace stratos::hub {
namespace {

TEST(HubProcess, ServesFromWithinItsSandboxAndLeavesNoSocketBehind) {
  ScratchDirectory scratch;
  HubProcess hub(scratch);
  ASSERT_TRUE(hub.ready()) << hub.errors();
  {
    FakeClient driver(scratch.file("a.qemu"));
    FakeClient device(scratch.file("a.sock"));
    EXPECT_TRUE(driver.wait_for(5)) << hub.errors();
    EXPECT_TRUE(device.wait_for(5)) << hub.errors();
    FakeClient third(scratch.file("a.sock"));
    EXPECT_TRUE(third.wait_until_closed());
  }
  FakeClient again(scratch.file("a.sock"));
  EXPECT_TRUE(again.wait_for(5)) << hub.errors();
  hub.process().signal(SIGTERM);
  EXPECT_TRUE(hub.stopping());
  EXPECT_EQ(hub.process().wait(), 0) << hub.errors();
  for (const char* name : {"a.qemu", "a.sock", "a.qemu.lock", "a.sock.lock"}) {
    EXPECT_NE(access(scratch.file(name).c_str(), F_OK), 0) << name;
  }
}

TEST(HubProcess, SecondHubOnTheSamePathsSaysSoInOneLineAndFails) {
  ScratchDirectory scratch;
  HubProcess hub(scratch);
  ASSERT_TRUE(hub.ready()) << hub.errors();
  ChildProcess second({STRATOS_HUB, "--link",
                       "name=a,size=1M,driver-socket=" + scratch.file("a.qemu") +
                           ",device-socket=" + scratch.file("a.sock")},
                      {}, scratch.file("second"));
  EXPECT_NE(second.wait(), 0);
  std::ifstream stream(scratch.file("second"));
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  EXPECT_NE(text.find("in use"), std::string::npos) << text;
}

TEST(HubProcess, KilledHubIsReplacedByTheNext) {
  ScratchDirectory scratch;
  {
    HubProcess hub(scratch);
    ASSERT_TRUE(hub.ready()) << hub.errors();
    hub.process().signal(SIGKILL);
    EXPECT_EQ(hub.process().wait(), -SIGKILL);
  }
  std::filesystem::remove(scratch.file("notify"));
  HubProcess next(scratch);
  EXPECT_TRUE(next.ready()) << next.errors();
}

TEST(HubProcess, CheckOfAWrongFileFailsAndOfARightOneChangesNothing) {
  ScratchDirectory scratch;
  const std::string good = "[[link]]\nname = \"a\"\nsize = \"1M\"\ndriver_socket = \"" +
                           scratch.file("x") + "\"\ndevice_socket = \"" + scratch.file("y") +
                           "\"\n";
  std::ofstream(scratch.file("good.toml")) << good;
  std::ofstream(scratch.file("bad.toml")) << good << "colour = 1\n";
  EXPECT_EQ(ChildProcess({STRATOS_HUB, "--check", "--config", scratch.file("good.toml")}).wait(),
            0);
  EXPECT_NE(ChildProcess({STRATOS_HUB, "--check", "--config", scratch.file("bad.toml")}, {},
                         scratch.file("errors"))
                .wait(),
            0);
  EXPECT_NE(access(scratch.file("x").c_str(), F_OK), 0);
}

TEST(HubProcess, HelpSucceedsAndAnUnknownOptionFails) {
  ScratchDirectory scratch;
  EXPECT_EQ(ChildProcess({STRATOS_HUB, "--help"}).wait(), 0);
  EXPECT_NE(ChildProcess({STRATOS_HUB, "--nonsense"}, {}, scratch.file("errors")).wait(), 0);
}

}  // namespace
}  // namespace stratos::hub
