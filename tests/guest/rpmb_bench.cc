// SPDX-License-Identifier: Apache-2.0

#include "rpmb_bench.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace stratos::guest {

using ::testing::HasSubstr;

void RpmbBench::start(const std::string& devices) {
  start_over(rpmb_link(hub_.device_socket("a")) + devices,
             {.kernel = kernel(), .links = {hub_.driver_socket("a")}, .cpus = 2},
             "virtio_msg_ivshmem");
}

void RpmbBench::start_over(const std::string& config, const Machine& machine,
                           const std::string& transport) {
  helper_.emplace(scratch_, config);
  a_ = &boot(machine);
  insmod_virtio_rpmb(*a_, transport);
}

void RpmbBench::start_with_key(const std::string& key) {
  start(store_.device(0));
  program_key(key);
}

void RpmbBench::program_key(const std::string& key) {
  a_->write("/tmp/key", key);
  a_->must("mmc rpmb write-key /dev/vrpmb0 /tmp/key");
}

void RpmbBench::start_behind_chip() {
  helper_.emplace(scratch_, rpmb_link(hub_.device_socket("chip")) + store_.device(0));
  a_ = &boot({.kernel = kernel(), .links = {hub_.driver_socket("a")}, .cpus = 2});
  Guest& stub = boot({.kernel = kernel(),
                      .name = "stub",
                      .links = {hub_.driver_socket("chip"), hub_.device_socket("a")}});
  // Both drivers would take either end.
  stub.must(
      "set -- $(grep -l 0x1110 /sys/bus/pci/devices/*/device) && "
      "echo virtio_msg_ivshmem >${1%device}driver_override && "
      "echo uio_stratos >${2%device}driver_override");
  insmod_virtio_rpmb(stub);
  stub_.emplace(stub, rpmb_partition("/dev/vrpmb0"));
  insmod_virtio_rpmb(*a_);
}

void RpmbBench::write_block(int address, const std::string& block, const std::string& device) {
  a_->write("/tmp/block", block);
  a_->must(fmt::format("mmc rpmb write-block /dev/{} {} /tmp/block /tmp/key", device, address));
}

void RpmbBench::expect_block(int address, const std::string& block, const std::string& device) {
  a_->write("/tmp/expected", block);
  const Output compared = a_->run(fmt::format(
      "rm -f /tmp/read; mmc rpmb read-block /dev/{} {} 1 /tmp/read /tmp/key && cmp /tmp/read "
      "/tmp/expected",
      device, address));
  EXPECT_EQ(compared.status, 0) << "block " << address << ": " << compared.text;
}

std::string RpmbBench::counter() { return a_->must("mmc rpmb read-counter /dev/vrpmb0").text; }

void RpmbBench::expect_stock_tools_work() {
  a_->write("/tmp/key", rpmb_key("secret"));
  EXPECT_THAT(a_->run("mmc rpmb read-counter /dev/vrpmb0").text, HasSubstr("0x0007")) << "no key";
  a_->must("mmc rpmb write-key /dev/vrpmb0 /tmp/key");
  EXPECT_THAT(a_->run("mmc rpmb write-key /dev/vrpmb0 /tmp/key").text, HasSubstr("0x0005"))
      << "a key is for ever";
  write_block(7, rpmb_block("hello"));
  expect_block(7, rpmb_block("hello"));
  EXPECT_THAT(counter(), HasSubstr("0x00000001"));
  EXPECT_EQ(a_->must("cat /sys/class/virtio-rpmb/vrpmb0/capacity").text, "262144\n");
  EXPECT_THAT(a_->run("mmc rpmb write-block /dev/vrpmb0 1024 /tmp/block /tmp/key").text,
              HasSubstr("0x0004"))
      << "behind the end";
  a_->write("/tmp/key", rpmb_key("guess"));
  EXPECT_THAT(a_->run("mmc rpmb write-block /dev/vrpmb0 7 /tmp/block /tmp/key").text,
              HasSubstr("0x0002"));
  EXPECT_THAT(counter(), HasSubstr("0x00000001")) << "what was refused does not count";
}

void RpmbBench::expect_writes_survive(int writes, int accidents,
                                      const std::function<void()>& accident) {
  // Each write puts its number into the block of its own, and stops the run if it fails.
  a_->write("/tmp/writer", fmt::format(R"(
i=1
while [ $i -le {} ]; do
  (echo $i; head -c 256 /dev/zero) | head -c 256 >/tmp/numbered
  mmc rpmb write-block /dev/vrpmb0 $i /tmp/numbered /tmp/key || exit 1
  echo done $i
  i=$((i + 1))
done
)",
                                       writes));
  Job writer = a_->start("sh /tmp/writer");
  for (int i = 1; i <= accidents; ++i) {
    writer.wait_for(fmt::format("done {}\n", i * writes / (accidents + 1)),
                    std::chrono::seconds(120));
    accident();
  }
  const Output written = writer.wait(std::chrono::seconds(240));
  EXPECT_EQ(written.status, 0) << written.text;
  for (const int i : {1, writes / 2, writes}) {
    std::string block = fmt::format("{}\n", i);
    block.resize(256);
    expect_block(i, block);
  }
}

}  // namespace stratos::guest
