// SPDX-License-Identifier: Apache-2.0
// RPMB from stock tools in a guest to a store on this machine.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <optional>

#include "fixture.h"
#include "harness/helper.h"
#include "harness/hub.h"
#include "harness/rpmb.h"

namespace stratos::guest {
namespace {

using ::testing::HasSubstr;

constexpr const char* kCounterFailure = "3\n";

class RpmbTest : public KernelTest {
 protected:
  void start(const std::string& devices) {
    helper_.emplace(scratch_, rpmb_link(hub_.device_socket("a")) + devices);
    a_ = &boot({.kernel = kernel(), .links = {hub_.driver_socket("a")}, .cpus = 2});
    insmod_virtio_rpmb(*a_);
  }
  // A device with a key, /tmp/key.
  void start_with_key(const std::string& key) {
    start(store_.device(0));
    a_->write("/tmp/key", key);
    a_->must("mmc rpmb write-key /dev/vrpmb0 /tmp/key");
  }

  Guest& a() { return *a_; }
  Helper& helper() { return *helper_; }
  void write_block(int address, const std::string& block, const std::string& device = "vrpmb0") {
    a_->write("/tmp/block", block);
    a_->must(fmt::format("mmc rpmb write-block /dev/{} {} /tmp/block /tmp/key", device, address));
  }
  // The tool checks the MAC of the response.
  void expect_block(int address, const std::string& block, const std::string& device = "vrpmb0") {
    a_->write("/tmp/expected", block);
    const Output compared = a_->run(fmt::format(
        "rm -f /tmp/read; mmc rpmb read-block /dev/{} {} 1 /tmp/read /tmp/key && cmp /tmp/read "
        "/tmp/expected",
        device, address));
    EXPECT_EQ(compared.status, 0) << "block " << address << ": " << compared.text;
  }
  std::string counter() { return a_->must("mmc rpmb read-counter /dev/vrpmb0").text; }

  Hub hub_{scratch_, {"a"}};
  RpmbStore store_{scratch_, "store"};

 private:
  std::optional<Helper> helper_;
  Guest* a_ = nullptr;
};

TEST_P(RpmbTest, StockToolsProgramAKeyWriteAndReadBack) {
  start(store_.device(0));
  a().write("/tmp/key", rpmb_key("secret"));
  EXPECT_THAT(a().run("mmc rpmb read-counter /dev/vrpmb0").text, HasSubstr("0x0007")) << "no key";
  a().must("mmc rpmb write-key /dev/vrpmb0 /tmp/key");
  EXPECT_THAT(a().run("mmc rpmb write-key /dev/vrpmb0 /tmp/key").text, HasSubstr("0x0005"))
      << "a key is for ever";
  write_block(7, rpmb_block("hello"));
  expect_block(7, rpmb_block("hello"));
  EXPECT_THAT(counter(), HasSubstr("0x00000001"));
  EXPECT_EQ(a().must("cat /sys/class/virtio-rpmb/vrpmb0/capacity").text, "262144\n");
  EXPECT_THAT(a().run("mmc rpmb write-block /dev/vrpmb0 1024 /tmp/block /tmp/key").text,
              HasSubstr("0x0004"))
      << "behind the end";
  a().write("/tmp/key", rpmb_key("guess"));
  EXPECT_THAT(a().run("mmc rpmb write-block /dev/vrpmb0 7 /tmp/block /tmp/key").text,
              HasSubstr("0x0002"));
  EXPECT_THAT(counter(), HasSubstr("0x00000001")) << "what was refused does not count";
  helper().stop();
  EXPECT_TRUE(store_.verify());
}

TEST_P(RpmbTest, AFrameThatIsReplayedIsRefused) {
  const std::string key = rpmb_key("secret");
  start_with_key(key);
  a().write("/tmp/frame", rpmb_write_frame(key, rpmb_block("old"), 0, 0));
  EXPECT_EQ(a().must("rpmb-commands /dev/vrpmb0 write /tmp/frame").text, "ok 0\n");
  write_block(0, rpmb_block("new"));
  EXPECT_EQ(a().must("rpmb-commands /dev/vrpmb0 write /tmp/frame").text,
            std::string("ok ") + kCounterFailure);
  expect_block(0, rpmb_block("new"));
}

TEST_P(RpmbTest, WritesSurviveEveryKillOfTheHelperOnceEach) {
  constexpr int kWrites = 40;
  constexpr int kKills = 5;
  start_with_key(rpmb_key("secret"));
  a().must("i=0; while [ $i -lt 256 ]; do printf '\\000'; i=$((i+1)); done > /tmp/zero");
  // Each write leaves its number in the block of its own, and stops the run if it fails.
  Job writer = a().start(fmt::format(
      "sh -c 'i=1; while [ $i -le {} ]; do (echo $i; cat /tmp/zero) | head -c 256 > /tmp/b; mmc "
      "rpmb write-block /dev/vrpmb0 $i /tmp/b /tmp/key || exit 1; echo done $i; i=$((i+1)); done'",
      kWrites));
  for (int kill = 1; kill <= kKills; ++kill) {
    writer.wait_for(fmt::format("done {}\n", kill * kWrites / (kKills + 1)),
                    std::chrono::seconds(60));
    helper().crash();
    helper().start();
  }
  const Output written = writer.wait(std::chrono::seconds(120));
  EXPECT_EQ(written.status, 0) << written.text;
  EXPECT_THAT(counter(), HasSubstr(fmt::format("0x{:08x}", kWrites))) << "each counts once";
  for (const int i : {1, kWrites / 2, kWrites}) {
    std::string block = fmt::format("{}\n", i);
    block.resize(256);
    expect_block(i, block);
  }
  helper().stop();
  EXPECT_TRUE(store_.verify());
}

TEST_P(RpmbTest, DevicesDoNotShareAnything) {
  const RpmbStore other(scratch_, "other");
  start(store_.device(0) + other.device(1));
  a().wait_for_path("/dev/vrpmb1");
  a().write("/tmp/key", rpmb_key("secret"));
  a().must("mmc rpmb write-key /dev/vrpmb0 /tmp/key");
  EXPECT_THAT(a().run("mmc rpmb read-counter /dev/vrpmb1").text, HasSubstr("0x0007"));
  a().must("mmc rpmb write-key /dev/vrpmb1 /tmp/key");
  write_block(3, rpmb_block("one"), "vrpmb0");
  expect_block(3, std::string(256, '\0'), "vrpmb1");
}

STRATOS_ON_EACH_KERNEL(RpmbTest);

}  // namespace
}  // namespace stratos::guest
