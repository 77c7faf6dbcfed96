// SPDX-License-Identifier: Apache-2.0
// Our modules are loaded and unloaded again and again, each time in the middle of traffic
// both ways, and leave nothing behind.

#include <fmt/format.h>

#include "can_link.h"
#include "fixture.h"
#include "harness/can.h"
#include "harness/footprint.h"
#include "harness/helper.h"
#include "harness/hub.h"

namespace stratos::guest {
namespace {

// A frame each millisecond, for ever, whoever listens.
constexpr const char* kReplay =
    "(0.000000) bus 111#11\n(0.001000) bus 222#2222\n(0.002000) bus 333##133\n";

// rounds FIRST LAST - in odd rounds the frontend goes first, in even ones the transport does.
constexpr const char* kRounds = R"(
counted() { read -r count </sys/class/net/can0/statistics/$1 && [ $count -gt $2 ]; }
patiently() {
  patience=1000
  until "$@"; do
    patience=$((patience - 1))
    [ $patience -gt 0 ] || { echo "in vain: $*"; return 1; }
    usleep 5000
  done
}
load() {
  modprobe virtio_can && modprobe virtio_msg_ivshmem &&
    patiently test -e /sys/class/net/can0 && ip link set can0 up
}
round() {
  load || return 1
  cangen -g 0 -p 100 can0 2>/dev/null &
  patiently counted tx_packets 50 && patiently counted rx_packets 20 || return 1
  if [ $(($1 % 2)) -eq 1 ]; then
    rmmod virtio_can && rmmod virtio_msg_ivshmem
  else
    rmmod virtio_msg_ivshmem && rmmod virtio_can
  fi && rmmod virtio_msg || return 1
  ! wait $! # the interface is gone
}
at=$1
while [ $at -le $2 ]; do
  round $at || { echo "round $at failed"; exit 1; }
  at=$((at + 1))
done
)";

class ReloadTest : public KernelTest {
 protected:
  void reload(int rounds);

 private:
  static void rounds(Guest& guest, int first, int last);
};

void ReloadTest::rounds(Guest& guest, int first, int last) {
  guest.must(fmt::format("sh /tmp/rounds {} {}", first, last),
             std::chrono::seconds(20 + 10 * (last - first)));
}

void ReloadTest::reload(int count) {
  constexpr int kWarm = 4;         // rounds until caches have their size
  constexpr long kNoiseKib = 512;  // of the kernel's own
  const Hub hub(scratch_, {"a"});
  const auto replay = scratch_.write("busy.log", kReplay);
  const Helper helper(
      scratch_,
      to_config({.socket = hub.device_socket("a"),
                 .bus_keys = fmt::format("replay = \"{}\"\nreplay_rounds = 0", replay.string())}));
  Guest& a = boot({.kernel = kernel(), .links = {hub.driver_socket("a")}, .cpus = 2});
  a.insmod("can-raw");
  a.write("/tmp/rounds", kRounds);
  rounds(a, 1, kWarm);
  const long before = kernel_memory_kib(a);
  rounds(a, kWarm + 1, count);
  const long grown = kernel_memory_kib(a) - before;
  EXPECT_LT(grown, kNoiseKib) << "KiB are lost in " << count - kWarm << " rounds";
  RecordProperty("grown_kib", std::to_string(grown));

  insmod_virtio_can(a);
  can_up(a, "can0");
  a.must("cansend can0 5A5#0123");
  a.must(
      "until [ $(cat /sys/class/net/can0/statistics/tx_packets) -eq 1 ] && "
      "[ $(cat /sys/class/net/can0/statistics/rx_packets) -gt 10 ]; do usleep 5000; done");
}

TEST_P(ReloadTest, TenRoundsUnderTraffic) { reload(10); }
TEST_P(ReloadTest, ManyRoundsUnderTraffic) { reload(200); }

STRATOS_ON_EACH_KERNEL(ReloadTest);

}  // namespace
}  // namespace stratos::guest
