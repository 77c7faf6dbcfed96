// SPDX-License-Identifier: Apache-2.0

#include "rpmb_bench.h"

#include <fmt/format.h>

namespace stratos::guest {

void RpmbBench::start(const std::string& devices) {
  helper_.emplace(scratch_, rpmb_link(hub_.device_socket("a")) + devices);
  a_ = &boot({.kernel = kernel(), .links = {hub_.driver_socket("a")}, .cpus = 2});
  insmod_virtio_rpmb(*a_);
}

void RpmbBench::start_with_key(const std::string& key) {
  start(store_.device(0));
  a_->write("/tmp/key", key);
  a_->must("mmc rpmb write-key /dev/vrpmb0 /tmp/key");
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

void RpmbBench::expect_writes_survive_kills(int writes, int kills) {
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
  for (int kill = 1; kill <= kills; ++kill) {
    writer.wait_for(fmt::format("done {}\n", kill * writes / (kills + 1)),
                    std::chrono::seconds(120));
    helper_->crash();
    helper_->start();
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
