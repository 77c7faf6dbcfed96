// SPDX-License-Identifier: Apache-2.0
// The harness itself: a guest boots, does what it is told, and its kernel's faults are seen.

#include <gmock/gmock.h>

#include "fixture.h"
#include "harness/can.h"
#include "harness/error.h"

namespace stratos::guest {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using BootTest = KernelTest;

TEST_P(BootTest, RunsTheKernelItWasToldTo) {
  Guest& a = boot({.kernel = kernel()});
  EXPECT_EQ(a.must("uname -r").text, Kernel::of(kernel()).release + "\n");
}

TEST_P(BootTest, HasDebiansToolsNotBusyboxs) {
  Guest& a = boot({.kernel = kernel()});
  EXPECT_THAT(a.must("ip -V").text, HasSubstr("iproute2"));
  EXPECT_THAT(a.run("candump -h").text, HasSubstr("CAN"));
}

TEST_P(BootTest, SampleFramesAreWhatCanUtilsMakeOfThem) {
  Guest& a = boot({.kernel = kernel()});
  vcan_up(a, "vcan0");
  EXPECT_EQ(pass_samples(a, "vcan0", a, "vcan0"), samples_seen());
}

TEST_P(BootTest, TellsStatusAndOutputOfManyCommandsAtATime) {
  Guest& a = boot({.kernel = kernel(), .cpus = 2});
  Job waits = a.start("sleep 1000");
  EXPECT_EQ(a.run("echo one; echo two >&2; exit 7").status, 7);
  EXPECT_EQ(a.run("printf 'a b\\nc'").text, "a b\nc\n");
  EXPECT_EQ(waits.stop().status, 143);
}

TEST_P(BootTest, WritesFilesByteForByte) {
  Guest& a = boot({.kernel = kernel()});
  const std::string text = "[table]\nkey = \"it's 100% \\ $HOME `x`\"\n";
  a.write("/etc/new/file", text);
  EXPECT_EQ(a.must("cat /etc/new/file").text, text);
}

TEST_P(BootTest, EndsWhenSwitchedOff) {
  Guest& a = boot({.kernel = kernel()});
  a.power_off();
  EXPECT_FALSE(a.alive());
}

TEST_P(BootTest, SeesWhatAKernelComplainsOf) {
  // Not one of the fixture's guests: this one is meant to be found faulty.
  Guest sick({.kernel = Kernel::of(kernel()), .name = "sick", .logs = scratch_.logs()});
  sick.settle();
  EXPECT_THAT(sick.log().faults(), IsEmpty()) << "a healthy boot counts as a fault";
  sick.start("sh -c 'echo c >/proc/sysrq-trigger'");
  EXPECT_TRUE(sick.log().wait_for("Kernel panic", in(std::chrono::seconds(30))));
  EXPECT_THAT(sick.log().faults(), Not(IsEmpty()));
  EXPECT_THROW(sick.run("true"), HarnessError);
}

STRATOS_ON_EACH_KERNEL(BootTest);

}  // namespace
}  // namespace stratos::guest
