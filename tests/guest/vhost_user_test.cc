// SPDX-License-Identifier: Apache-2.0
// Our frontends and our helper over a vhost-user device of QEMU's that knows none of them: the
// guest has a plain PCI bus, and no module of our transport.
//
// No helper is killed here: that device of QEMU 11.1 forgets its backend when the connection ends,
// and aborts when the next one comes. tests/unit/restart does it, with a front-end of our own.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <array>

#include "can_bench.h"
#include "rpmb_bench.h"

namespace stratos::guest {
namespace {

using ::testing::HasSubstr;

constexpr const char* kTransport = "virtio_pci";

std::string link(const std::string& name, const VhostUserDevice& device) {
  return fmt::format(
      "[[link]]\nname = \"{}\"\ntype = \"vhost-user\"\nsocket = \"{}\"\nring = \"{}\"\n"
      "mode = \"{}\"\n",
      name, device.socket.string(), device.packed ? "packed" : "split",
      device.listens ? "client" : "server");
}

std::string can_device(const std::string& name) {
  return fmt::format(
      "[[device]]\nname = \"{0}\"\ntype = \"can\"\nlink = \"{0}\"\nnumber = 0\nbus = \"bus\"\n",
      name);
}

class VhostUserCanTest : public CanBench {
 protected:
  struct Shape {
    bool packed = false;
    bool qemu_listens = false;
    int cpus = 1;
  };

  void start(const Shape& shape) {
    std::string config =
        fmt::format("[[bus]]\nname = \"bus\"\ntype = \"virtual\"\n{}\n", bus_keys());
    Machine machine{.kernel = kernel(), .cpus = shape.cpus};
    for (const std::string name : {"can0", "can1"}) {
      VhostUserDevice device = vhost_user_can(scratch_.sockets() / name);
      device.packed = shape.packed;
      device.listens = shape.qemu_listens;
      config += link(name, device) + can_device(name);
      machine.vhost_user.push_back(device);
    }
    start_over(config, machine, kTransport);
    EXPECT_FALSE(a().has_module("virtio_msg"));
  }
};

TEST_P(VhostUserCanTest, EveryKindOfFramePassesBothWays) {
  start({});
  EXPECT_EQ(pass_samples(a(), "can0", a(), "can1"), samples_seen());
  EXPECT_EQ(pass_samples(a(), "can1", a(), "can0"), samples_seen());
}

TEST_P(VhostUserCanTest, PackedRingsPassThemToo) {
  start({.packed = true});
  EXPECT_EQ(pass_samples(a(), "can0", a(), "can1"), samples_seen());
  EXPECT_EQ(pass_samples(a(), "can1", a(), "can0"), samples_seen());
}

TEST_P(VhostUserCanTest, NumberedFramesCrossOnceAndInOrder) {
  start({.cpus = 2});
  expect_numbered_frames_pass(25'000);
}

TEST_P(VhostUserCanTest, TheHelperMayBeTheOneThatConnects) {
  start({.qemu_listens = true});
  EXPECT_EQ(pass_samples(a(), "can0", a(), "can1"), samples_seen());
}

class VhostUserRpmbTest : public RpmbBench {
 protected:
  void start_with_key() {
    const VhostUserDevice device = vhost_user_rpmb(scratch_.sockets() / "rpmb");
    start_over(link("rpmb", device) + store().device(0, "rpmb"),
               {.kernel = kernel(), .vhost_user = {device}, .cpus = 2}, kTransport);
    EXPECT_FALSE(a().has_module("virtio_msg"));
    program_key(rpmb_key("secret"));
  }
};

TEST_P(VhostUserRpmbTest, StockToolsWriteAndReadBack) {
  start_with_key();
  write_block(7, rpmb_block("hello"));
  expect_block(7, rpmb_block("hello"));
  EXPECT_THAT(counter(), HasSubstr("0x00000001"));
  helper().stop();
  EXPECT_TRUE(store().verify());
}

using VhostUserTest = KernelTest;

TEST_P(VhostUserTest, TwoMachinesOnOneHelperAtATime) {
  struct Side {
    std::string name;
    RpmbStore store;
    VhostUserDevice can;
    VhostUserDevice rpmb;
  };
  const auto side = [&](const std::string& name) {
    return Side{.name = name,
                .store = RpmbStore(scratch_, name),
                .can = vhost_user_can(scratch_.sockets() / ("can-" + name)),
                .rpmb = vhost_user_rpmb(scratch_.sockets() / ("rpmb-" + name))};
  };
  const std::array sides{side("a"), side("b")};
  std::string config = "[[bus]]\nname = \"bus\"\ntype = \"virtual\"\n";
  for (const Side& each : sides) {
    config += link("can-" + each.name, each.can) + can_device("can-" + each.name) +
              link("rpmb-" + each.name, each.rpmb) + each.store.device(0, "rpmb-" + each.name);
  }
  const Helper helper(scratch_, config);
  const auto start = [&](const Side& each) -> Guest& {
    return boot({.kernel = kernel(), .name = each.name, .vhost_user = {each.can, each.rpmb}});
  };
  Guest& a = start(sides[0]);
  Guest& b = start(sides[1]);
  for (Guest* guest : {&a, &b}) {
    insmod_virtio_can(*guest, kTransport);
    insmod_virtio_rpmb(*guest, kTransport);
    can_up(*guest, "can0");
    guest->write("/tmp/key", rpmb_key(guest->name()));
    guest->must("mmc rpmb write-key /dev/vrpmb0 /tmp/key");
  }
  EXPECT_EQ(pass_samples(a, "can0", b, "can0"), samples_seen());
  EXPECT_EQ(pass_samples(b, "can0", a, "can0"), samples_seen());
  a.write("/tmp/block", rpmb_block("of a"));
  a.must("mmc rpmb write-block /dev/vrpmb0 0 /tmp/block /tmp/key");
  EXPECT_THAT(a.must("mmc rpmb read-counter /dev/vrpmb0").text, HasSubstr("0x00000001"));
  EXPECT_THAT(b.must("mmc rpmb read-counter /dev/vrpmb0").text, HasSubstr("0x00000000"));
}

STRATOS_ON_EACH_KERNEL(VhostUserCanTest);
STRATOS_ON_EACH_KERNEL(VhostUserRpmbTest);
STRATOS_ON_EACH_KERNEL(VhostUserTest);

}  // namespace
}  // namespace stratos::guest
