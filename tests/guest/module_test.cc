// SPDX-License-Identifier: Apache-2.0
// Our modules come and go without a trace, and leave alone what is not theirs.

#include "can_bench.h"

namespace stratos::guest {
namespace {

// In the order of loading.
const std::vector<std::string> kModules = {"virtio_msg", "virtio_msg_ivshmem", "virtio_can",
                                           "uio_stratos"};

class ModuleTest : public CanBench {
 protected:
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
  Guest& a = boot({.kernel = kernel(),
                   .qemu = {"-object", "memory-backend-ram,id=foreign,size=1M,share=on", "-device",
                            "ivshmem-plain,memdev=foreign"}});
  const std::string devices =
      "for dev in /sys/bus/pci/devices/*; do grep -q 0x1110 $dev/device && echo ";
  EXPECT_EQ(a.must(devices + "foreign; done; true").text, "foreign\n");
  a.insmod("can-dev");  // which announces itself
  forget_log(a);
  for (const std::string& module : kModules) a.insmod(module);
  EXPECT_EQ(said_since(a), "");
  EXPECT_EQ(a.must("ls /sys/bus/virtio/devices").text, "");
  EXPECT_EQ(a.must(devices + "$(ls -d $dev/driver); done; true").text.find("/driver\n"),
            std::string::npos)
      << "somebody bound to it";
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
