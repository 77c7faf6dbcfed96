// SPDX-License-Identifier: Apache-2.0
// An RPMB device between a hostile driver, who has the key, and a store that is slow and
// fails.
#include "device_bench.h"
#include "devices/rpmb/rpmb_device.h"
#include "hosts/openssl_hmac.h"
#include "memory_store.h"

namespace stratos::fuzz {
namespace {

void run(Input& input) {
  test::MemoryStore store;
  store.delayed = input.chance();
  if (input.chance()) store.current.key_programmed = true;
  if (input.up_to(7) == 0) store.current.write_counter = 0xffffffff - input.up_to(2);
  hosts::OpensslHmac hmac;
  const rpmb::RpmbDevice::Options options{.device_configuration = input.chance()};
  std::vector<std::byte> work(rpmb::RpmbDevice::storage_size(options));
  rpmb::RpmbDevice device(store, hmac, options, work);
  DeviceBench bench(device, input);
  const uint32_t counter = store.current.write_counter;
  while (input.more()) {
    if (store.busy() && input.chance()) {
      store.finish(input.chance());
    } else {
      bench.step();
    }
    require(store.overlaps == 0);
    require(store.current.write_counter >= counter);
  }
}

}  // namespace
}  // namespace stratos::fuzz

STRATOS_FUZZER(stratos::fuzz::run)
