// SPDX-License-Identifier: Apache-2.0
// Our modules come and go without a trace, and leave alone what is not theirs.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <linux/virtio_msg.h>

#include <filesystem>

#include "can_bench.h"

namespace stratos::guest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// In the order of loading.
const std::vector<std::string> kModules = {"virtio_msg", "virtio_msg_ivshmem", "virtio_can",
                                           "uio_stratos"};

class ModuleTest : public CanBench {
 protected:
  // An ivshmem device, without doorbells, over memory that begins with these bytes.
  std::vector<std::string> foreign_memory(const std::string& id, const std::string& begins) const {
    const auto path = scratch_.write(id, begins);
    std::filesystem::resize_file(path, 1 << 20);
    return {
        "-object",
        fmt::format("memory-backend-file,id={},size=1M,share=on,mem-path={}", id, path.string()),
        "-device", fmt::format("ivshmem-plain,memdev={}", id)};
  }
  // How many ivshmem devices there are, or only those that a driver is bound to.
  static std::string ivshmem_devices(Guest& guest, const std::string& which = "") {
    return guest
        .must(fmt::format("n=0; for dev in /sys/bus/pci/devices/*; do grep -q 0x1110 $dev/device "
                          "&& [ -e $dev/{} ] && n=$((n + 1)); done; echo $n",
                          which))
        .text;
  }
  static std::string forget_log(Guest& guest) { return guest.must("dmesg -c").text; }
  // What the kernel printed since, but for its standard words on modules that are not its own.
  static std::string said_since(Guest& guest) {
    return guest.must("dmesg | grep -v 'taint' || true").text;
  }
};

TEST_P(ModuleTest, LoadAndUnloadWithoutADevice) {
  Guest& a = boot({.kernel = kernel()});
  for (int round = 0; round < 3; ++round) {
    for (const std::string& module : kModules) a.insmod(module);
    for (auto module = kModules.rbegin(); module != kModules.rend(); ++module) a.rmmod(*module);
  }
  for (const std::string& module : kModules) EXPECT_FALSE(a.has_module(module)) << module;
}

TEST_P(ModuleTest, DeclineForeignSharedMemoryWithoutAWord) {
  // Nothing at all, and what a screen of Looking Glass begins with.
  std::vector<std::string> qemu = foreign_memory("empty", "");
  const auto screen = foreign_memory("screen", "KVMFR---\x14");
  qemu.insert(qemu.end(), screen.begin(), screen.end());
  Guest& a = boot({.kernel = kernel(), .qemu = qemu});
  EXPECT_EQ(ivshmem_devices(a), "2\n");
  a.insmod("can-dev");  // which announces itself
  forget_log(a);
  for (const std::string& module : kModules) a.insmod(module);
  EXPECT_EQ(said_since(a), "");
  EXPECT_EQ(a.must("ls /sys/bus/virtio/devices").text, "");
  EXPECT_EQ(ivshmem_devices(a, "driver"), "0\n") << "somebody bound to it";
}

TEST_P(ModuleTest, DeclineAnotherRevisionOfTheLayoutInOneLine) {
  virtio_msg_amp_layout layout{};
  layout.magic = VIRTIO_MSG_AMP_MAGIC;
  layout.version = VIRTIO_MSG_AMP_VERSION + 1;
  const std::string page0(reinterpret_cast<const char*>(&layout), sizeof(layout));
  Guest& a = boot({.kernel = kernel(), .qemu = foreign_memory("later", page0)});
  EXPECT_EQ(ivshmem_devices(a), "1\n");
  forget_log(a);
  a.insmod("virtio_msg_ivshmem");
  // Beside what the kernel itself says of a driver that declines with an error.
  EXPECT_THAT(a.must("dmesg | grep -v -e taint -e 'failed with error -22' || true").lines(),
              ElementsAre(HasSubstr("shared memory: unknown version; hub and module must be of "
                                    "one release")));
  EXPECT_EQ(a.must("ls /sys/bus/virtio/devices").text, "");
  EXPECT_EQ(ivshmem_devices(a, "driver"), "0\n") << "half started";
  a.rmmod("virtio_msg_ivshmem");
}

TEST_P(ModuleTest, FrontendCyclesOnALiveLink) {
  start_bench();
  for (int round = 0; round < 5; ++round) {
    a().rmmod("virtio_can");
    EXPECT_NE(a().run("test -e /sys/class/net/can0").status, 0);
    a().insmod("virtio_can");
    can_up(a(), "can0");
    can_up(a(), "can1");
    expect_frames_pass();
  }
}

TEST_P(ModuleTest, TransportCyclesOnALiveLink) {
  start_bench();
  for (int round = 0; round < 3; ++round) {
    a().rmmod("virtio_can");
    a().rmmod("virtio_msg_ivshmem");
    a().rmmod("virtio_msg");
    EXPECT_EQ(a().must("ls /sys/bus/virtio/devices").text, "");
    insmod_virtio_can(a());
    can_up(a(), "can0");
    can_up(a(), "can1");
    expect_frames_pass();
  }
}

TEST_P(ModuleTest, UnloadUnderTraffic) {
  start_bench(2);
  Job traffic = a().start("cangen -g 0 -p 100 can0");
  a().must(
      "until [ $(cat /sys/class/net/can1/statistics/rx_packets) -gt 100 ]; do usleep 10000; "
      "done");
  a().rmmod("virtio_can");
  EXPECT_NE(traffic.wait().status, 0) << "its interface is gone";
  a().insmod("virtio_can");
  can_up(a(), "can0");
  can_up(a(), "can1");
  expect_frames_pass();
}

STRATOS_ON_EACH_KERNEL(ModuleTest);

}  // namespace
}  // namespace stratos::guest
