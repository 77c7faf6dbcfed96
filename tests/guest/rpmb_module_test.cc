// SPDX-License-Identifier: Apache-2.0
// The RPMB frontend before a device that does as it is told: what user space sees, what
// comes to the device, and what becomes of both when one of them goes.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "fixture.h"
#include "harness/hub.h"
#include "harness/kernel_log.h"

namespace stratos::guest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kDriver = "/sys/bus/virtio/drivers/virtio_rpmb";

struct Device {
  unsigned capacity = 2;
  unsigned max_write = 16;
  unsigned max_read = 16;
  unsigned queue_size = 64;
};

class RpmbModuleTest : public KernelTest {
 protected:
  // Boots the guest and loads the modules.
  void start(const std::string& parameters = "", const Device& device = {});
  // Another device in the place of the one that there was.
  void serve(const Device& device);
  Guest& a() { return *a_; }
  // Runs rpmb-commands.
  std::string ask(const std::string& command) {
    return a_->run("rpmb-commands /dev/vrpmb0 " + command).text;
  }
  Job begin(const std::string& command) {
    return a_->start("rpmb-commands /dev/vrpmb0 " + command);
  }
  void insmod(const std::string& parameters) {
    a_->insmod("virtio_rpmb", parameters);
    a_->wait_for_path("/dev/vrpmb0");
  }
  void rebind(const std::string& how) {
    a_->must(fmt::format("echo virtio0 >{}/{}", kDriver, how));
  }
  // What the device said.
  KernelLog device_log() const { return KernelLog(device_->log()); }
  void expect_said(const std::string& what) {
    EXPECT_TRUE(device_log().wait_for(what, in(std::chrono::seconds(20)))) << what;
  }
  // The requests that came, without those before the last call.
  std::vector<std::string> requests();
  void sleep(const std::string& how);

  std::unique_ptr<Hub> hub_;
  std::unique_ptr<Program> device_;
  Guest* a_ = nullptr;

 private:
  size_t seen_ = 0;
  unsigned devices_ = 0;
};

void RpmbModuleTest::serve(const Device& device) {
  if (device_) device_->stop(SIGKILL);
  device_.reset();
  device_ = std::make_unique<Program>(
      Program::Options{.argv = {STRATOS_SCRIPTED_RPMB, hub_->device_socket("a"),
                                std::to_string(device.capacity), std::to_string(device.max_write),
                                std::to_string(device.max_read), std::to_string(device.queue_size)},
                       .log = scratch_.logs() / fmt::format("device{}.log", ++devices_)});
  expect_said("ready");
  seen_ = 0;
}

void RpmbModuleTest::start(const std::string& parameters, const Device& device) {
  hub_ = std::make_unique<Hub>(scratch_, std::vector<std::string>{"a"});
  serve(device);
  a_ = &boot({.kernel = kernel(), .links = {hub_->driver_socket("a")}, .cpus = 2});
  a_->insmod("virtio_msg_ivshmem");
  insmod(parameters);
}

std::vector<std::string> RpmbModuleTest::requests() {
  std::vector<std::string> came;
  for (const std::string& line : device_log().tail(100000))
    if (line.starts_with("request ")) came.push_back(line.substr(8));
  came.erase(came.begin(), came.begin() + static_cast<ptrdiff_t>(seen_));
  seen_ += came.size();
  return came;
}

// Puts all devices to sleep and wakes them up at once: a machine that really sleeps
// needs somebody who wakes it.
void RpmbModuleTest::sleep(const std::string& how) {
  a_->must(
      "echo 0 >/sys/module/suspend/parameters/pm_test_delay; echo devices >/sys/power/pm_test");
  a_->must(fmt::format("echo {} >/sys/power/state", how), std::chrono::seconds(60));
}

TEST_P(RpmbModuleTest, ShowsItself) {
  start();
  EXPECT_EQ(a().must("stat -c '%F %a %u:%g' /dev/vrpmb0").text, "character special file 600 0:0\n");
  const auto attribute = [&](const std::string& name) {
    return a().must("cat /sys/class/virtio-rpmb/vrpmb0/" + name).text;
  };
  EXPECT_EQ(attribute("capacity"), "262144\n");
  EXPECT_EQ(attribute("max_write_blocks"), "16\n");
  EXPECT_EQ(attribute("max_read_blocks"), "16\n");
  EXPECT_EQ(attribute("cid"), "76697274696f2d72706d622d30303030\n");  // virtio-rpmb-0000
  EXPECT_THAT(attribute("uevent"), HasSubstr("DEVNAME=vrpmb0\n"));

  a().rmmod("virtio_rpmb");
  EXPECT_NE(a().run("test -e /dev/vrpmb0").status, 0);
  insmod("cid=000102030405060708090a0b0c0d0eFF");
  EXPECT_EQ(attribute("cid"), "000102030405060708090a0b0c0d0eff\n");
  a().rmmod("virtio_rpmb");
  a().insmod("virtio_rpmb", "cid=0001");
  EXPECT_THAT(a().must("dmesg").text, HasSubstr("cid \"0001\" of vrpmb0 is not 32 hexadecimal"));
  EXPECT_NE(a().run("test -e /dev/vrpmb0").status, 0);
}

TEST_P(RpmbModuleTest, ServesStockTools) {
  start();
  a().must("head -c 32 /dev/urandom >/tmp/key; head -c 256 /dev/urandom >/tmp/block");
  a().must("mmc rpmb write-key /dev/vrpmb0 /tmp/key");
  EXPECT_THAT(requests(), ElementsAre("type=1 count=1 segments=2+1 last=5 1"));
  EXPECT_THAT(a().must("mmc rpmb read-counter /dev/vrpmb0").text,
              HasSubstr("Counter value: 0x00000000"));
  EXPECT_THAT(requests(), ElementsAre("type=2 count=1 segments=1+1 last=2 1"));
  a().must("mmc rpmb write-block /dev/vrpmb0 2 /tmp/block /tmp/key");
  EXPECT_THAT(requests(), ElementsAre("type=2 count=1 segments=1+1 last=2 1",
                                      "type=3 count=1 segments=2+1 last=5 1"));
  a().must("mmc rpmb read-block /dev/vrpmb0 2 3 /tmp/read");
  EXPECT_THAT(requests(), ElementsAre("type=4 count=3 segments=1+3 last=4 3"));
  EXPECT_EQ(a().must("wc -c </tmp/read").text, "768\n");
}

TEST_P(RpmbModuleTest, TakesCommandsOneByOne) {
  start();
  EXPECT_EQ(ask("result"), "ok 0300\n") << "the register of the device";
  EXPECT_THAT(requests(), ElementsAre("type=5 count=1 segments=1+1 last=5 1"));
  EXPECT_EQ(ask("singly"),
            "write ok\nresult-read ok\nresponse ok 0300 0\nread ok\n"
            "data ok 07 08 response 00000900\n");
  EXPECT_THAT(requests(), ElementsAre("type=3 count=1 segments=2+1 last=5 1",
                                      "type=4 count=2 segments=1+2 last=4 2"));
}

TEST_P(RpmbModuleTest, RefusesMistakesAsTheMmcDriverDoes) {
  start();
  EXPECT_EQ(ask("mistakes"),
            "unknown-ioctl EINVAL\n"
            "faulting-command EFAULT\n"
            "faulting-commands EFAULT\n"
            "no-commands ok\n"
            "too-many-commands EINVAL\n"
            "endless-commands EINVAL\n"
            "faulting-data EFAULT\n"
            "kernel-data EFAULT\n"
            "small-frame EINVAL\n"
            "large-frame EINVAL\n"
            "no-frame EINVAL\n"
            "1024-frames EINVAL\n"
            "1025-frames EOVERFLOW\n"
            "endless-frames EOVERFLOW\n"
            "endless-size EOVERFLOW\n"
            "unknown-opcode EINVAL\n"
            "application-command EINVAL\n"
            "wrong-direction EINVAL\n"
            "unknown-request EINVAL\n"
            "two-keys EINVAL\n"
            "two-reads EINVAL\n"
            "17-blocks EINVAL\n"
            "read-of-nothing EIO\n"
            "faulting-response EFAULT\n");
  EXPECT_THAT(requests(), ElementsAre()) << "something was half done";
}

TEST_P(RpmbModuleTest, BelievesNoBadAnswer) {
  start();
  for (const char* trick : {"0x0f01", "0x0f02", "0x0f03"}) {
    EXPECT_EQ(ask(fmt::format("read {} 2", trick)), "EIO\n") << trick;
    EXPECT_EQ(ask("read 5 2"), "ok 0 05 06\n") << "after " << trick;
  }
}

TEST_P(RpmbModuleTest, TakesAnswersInAnyOrder) {
  start("request_timeout_ms=30000");
  Job held = begin("read 0x0f06 1");
  expect_said("request type=4");
  EXPECT_EQ(ask("read 1 1"), "ok 0 01\n") << "it need not wait for the other";
  EXPECT_EQ(held.wait().text, "ok 0 06\n");
}

TEST_P(RpmbModuleTest, EndsEveryWait) {
  start("request_timeout_ms=30000");
  EXPECT_EQ(ask("interrupt 0x0f06"), "EINTR\n");
  EXPECT_EQ(requests().size(), 1U) << "it was sent again";
  EXPECT_EQ(ask("read 1 1"), "ok 0 01\n") << "with an answer that nobody waits for";

  a().must("echo 400 >/sys/module/virtio_rpmb/parameters/request_timeout_ms");
  EXPECT_EQ(ask("read 0x0f04 1"), "ETIMEDOUT\n");
  EXPECT_EQ(ask("read 1 1"), "EIO\n") << "a device that does not answer is broken";
  EXPECT_THAT(a().must("dmesg").text, HasSubstr("no answer from the device in 400 ms"));
  rebind("unbind");
  rebind("bind");
  a().wait_for_path("/dev/vrpmb0");
  EXPECT_EQ(ask("read 1 1"), "ok 0 01\n");
}

TEST_P(RpmbModuleTest, GoesWhileFilesAreOpen) {
  start("request_timeout_ms=30000");
  Job open = begin("linger");
  Job waiting = begin("read 0x0f04 1");
  open.wait_for("ok");
  expect_said("request type=4");
  EXPECT_NE(a().run("rmmod virtio_rpmb").status, 0) << "it is in use";
  rebind("unbind");
  EXPECT_EQ(waiting.wait().text, "ENODEV\n");
  open.wait_for("end");
  EXPECT_EQ(open.text(), "ok\nENODEV\nend\n");
  EXPECT_NE(a().run("test -e /dev/vrpmb0").status, 0);

  rebind("bind");
  a().wait_for_path("/dev/vrpmb0");
  EXPECT_EQ(ask("read 1 1"), "ok 0 01\n");
  EXPECT_NE(a().run("rmmod virtio_rpmb").status, 0) << "the old file is still open";
  open.stop();
  a().rmmod("virtio_rpmb");
}

TEST_P(RpmbModuleTest, IsUnpluggedWhileFilesAreOpen) {
  start("request_timeout_ms=30000");
  Job open = begin("linger");
  Job waiting = begin("read 0x0f04 1");
  open.wait_for("ok");
  expect_said("request type=4");
  device_->signal(SIGUSR1);
  EXPECT_NE(waiting.wait().text, "ok 0 04\n");
  open.wait_for("end");
  EXPECT_NE(a().run("test -e /dev/vrpmb0").status, 0);

  device_->signal(SIGUSR2);
  a().wait_for_path("/dev/vrpmb0");
  EXPECT_EQ(ask("read 1 1"), "ok 0 01\n");
  open.stop();
}

TEST_P(RpmbModuleTest, ServesManyProcessesAtATime) {
  start("", {.queue_size = 32});
  EXPECT_EQ(a().must("rpmb-commands /dev/vrpmb0 many 0x100 24", std::chrono::seconds(120)).text,
            "0 failed\n");
  EXPECT_EQ(requests().size(), 2400U);
}

TEST_P(RpmbModuleTest, SleepsWithARequestUnderWay) {
  start("request_timeout_ms=2000");
  Job slow = begin("read 0x0f05 1");
  expect_said("request type=4");
  sleep("freeze");
  EXPECT_EQ(slow.wait().text, "ok 0 05\n") << "it was answered before the device was reset";
  EXPECT_EQ(ask("read 1 1"), "ok 0 01\n");

  Job never = begin("read 0x0f04 2");
  expect_said("segments=1+2");
  sleep("freeze");
  EXPECT_EQ(never.wait().text, "ETIMEDOUT\n");
  EXPECT_EQ(ask("read 1 1"), "ok 0 01\n") << "the device has been reset";
}

TEST_P(RpmbModuleTest, DeclinesDevicesThatCannotBe) {
  start("", {.max_write = 0, .max_read = 0});
  const auto limits = [&] {
    return a().must("cd /sys/class/virtio-rpmb/vrpmb0; cat max_write_blocks max_read_blocks").text;
  };
  EXPECT_EQ(limits(), "62\n63\n") << "0 is no limit but that of a chain";
  const auto refused = [&](const Device& device, const std::string& why) {
    a().rmmod("virtio_rpmb");
    serve(device);
    a().insmod("virtio_rpmb");
    EXPECT_TRUE(a().log().wait_for(why, in(std::chrono::seconds(30)))) << why;
    EXPECT_NE(a().run("test -e /dev/vrpmb0").status, 0);
  };
  refused({.capacity = 0}, "capacity of 0 x 128 KiB, it has to be 1 to 128");
  refused({.capacity = 129}, "capacity of 129 x 128 KiB, it has to be 1 to 128");
  refused({.queue_size = 2}, "a queue of 2 is too small, at least 3 are needed");
  a().rmmod("virtio_rpmb");
  serve({.capacity = 128, .max_write = 255, .max_read = 255, .queue_size = 8});
  insmod("");
  EXPECT_EQ(limits(), "6\n7\n");
  EXPECT_EQ(a().must("cat /sys/class/virtio-rpmb/vrpmb0/capacity").text, "16777216\n");
  EXPECT_EQ(ask("read 1 7"), "ok 0 01 02 03 04 05 06 07\n");
}

STRATOS_ON_EACH_KERNEL(RpmbModuleTest);

}  // namespace
}  // namespace stratos::guest
