// SPDX-License-Identifier: Apache-2.0
#include "rpmb/rpmb_rig.h"

#include <gtest/gtest.h>

namespace stratos::test {

RpmbRig::RpmbRig(const RpmbOptions& options)
    : RequestRig(options.device.queue_size, options.packed),
      store(options.blocks),
      options_(options) {
  make_device();
  connect();
}

void RpmbRig::make_device() {
  device_memory_.assign(rpmb::RpmbDevice::storage_size(options_.device), std::byte{0xdd});
  device = std::make_unique<rpmb::RpmbDevice>(store, hmac, options_.device, device_memory_);
}

Look RpmbRig::ask_one(const Frames& request, const Secret& key) {
  const Frames response = ask(request);
  EXPECT_EQ(response.size(), 1U);
  if (response.size() != 1) return {};
  EXPECT_EQ(hex(key_mac_in(response[0])), hex(mac_of(response, key)));
  return look_at(response[0]);
}

void RpmbRig::program() { ASSERT_EQ(ask_one(with_result(program_key())), (Look{.type = 0x0100})); }

void RpmbRig::kill(bool happened) {
  store.die(happened);  // what it was given lies in the device
  device.reset();
  make_device();
  resume();
}

}  // namespace stratos::test
