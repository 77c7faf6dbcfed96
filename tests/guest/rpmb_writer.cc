// SPDX-License-Identifier: Apache-2.0

#include "rpmb_writer.h"

#include <gtest/gtest.h>

namespace stratos::guest {
namespace {

// Each block begins with the number of its write.
constexpr const char* kWriter = R"(
counter() { echo $(($(mmc rpmb read-counter /dev/vrpmb0 | sed -n 's/^Counter value: //p'))); }
before=$(counter)
i=0
while [ ! -e /tmp/enough ]; do
  (echo $i; head -c 256 /dev/zero) | head -c 256 >/tmp/numbered
  mmc rpmb write-block /dev/vrpmb0 $((i % 1000)) /tmp/numbered /tmp/key >/tmp/said || {
    cat /tmp/said
    exit 1
  }
  i=$((i + 1))
done
rm -f /tmp/read
mmc rpmb read-block /dev/vrpmb0 $(((i - 1) % 1000)) 1 /tmp/read /tmp/key &&
  cmp /tmp/read /tmp/numbered || exit 1
counted=$(($(counter) - before))
[ $counted -eq $i ] || { echo "$i writes counted as $counted"; exit 1; }
)";

}  // namespace

RpmbWriter::RpmbWriter(Guest& guest) : guest_(&guest) {
  guest.write("/tmp/writer", kWriter);
  guest.must("rm -f /tmp/enough");
  job_ = guest.start("sh /tmp/writer");
}

void RpmbWriter::expect_each_write_counted(Timeout timeout) {
  guest_->must("touch /tmp/enough");
  const Output output = job_->wait(timeout);
  EXPECT_EQ(output.status, 0) << guest_->name() << ": " << output.text;
}

}  // namespace stratos::guest
