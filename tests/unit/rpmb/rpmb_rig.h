// SPDX-License-Identifier: Apache-2.0
// An RPMB device between a driver with a real queue and a store in memory.

#pragma once

#include <memory>
#include <vector>

#include "devices/rpmb/rpmb_device.h"
#include "hosts/openssl_hmac.h"
#include "memory_store.h"
#include "rpmb/request_rig.h"

namespace stratos::test {

struct RpmbOptions {
  rpmb::RpmbDevice::Options device{};
  uint32_t blocks = 512;
  bool packed = false;
};

class RpmbRig final : public RequestRig {
 public:
  explicit RpmbRig(const RpmbOptions& options = {});

  // ask() for a response of one frame, whose MAC is checked.
  Look ask_one(const Frames& request, const Secret& key = test_key());
  // Programs test_key().
  void program();
  // The process dies, and a successor goes on with `store`. `happened` says whether the
  // operation that the store is busy with was carried out.
  void kill(bool happened);

  MemoryStore store;
  hosts::OpensslHmac hmac;
  std::unique_ptr<rpmb::RpmbDevice> device;

 private:
  rpmb::RequestDevice& served() override { return *device; }
  void make_device();

  const RpmbOptions options_;
  std::vector<std::byte> device_memory_;
};

}  // namespace stratos::test
