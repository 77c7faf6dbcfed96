// SPDX-License-Identifier: Apache-2.0
// A guest with RPMB devices whose stores are on this machine.

#pragma once

#include <functional>
#include <optional>
#include <string>

#include "fixture.h"
#include "harness/helper.h"
#include "harness/hub.h"
#include "harness/rpmb.h"
#include "harness/stub_vm.h"

namespace stratos::guest {

class RpmbBench : public KernelTest {
 protected:
  // Starts helper and guest, with these [[device]] tables, and loads the modules.
  void start(const std::string& devices);
  // The same over another door than the hub: `config` is the helper's, and `transport` the module
  // by which `machine` finds the devices.
  void start_over(const std::string& config, const Machine& machine, const std::string& transport);
  // With one device, that of store(), whose key is programmed; the guest has it in /tmp/key.
  void start_with_key(const std::string& key);
  void program_key(const std::string& key);

  // With one device, whose requests are executed by the RPMB device of a stub VM, in place of a
  // chip; that one has store().
  void start_behind_chip();

  Guest& a() { return *a_; }
  StubVm& stub() { return *stub_; }
  Helper& helper() { return *helper_; }
  const RpmbStore& store() const { return store_; }

  // With Debian's mmc and /tmp/key.
  void write_block(int address, const std::string& block, const std::string& device = "vrpmb0");
  // The tool checks the MAC of the response.
  void expect_block(int address, const std::string& block, const std::string& device = "vrpmb0");
  // What mmc says of vrpmb0.
  std::string counter();
  // From a device without a key to one that was written once and refused what it should.
  void expect_stock_tools_work();
  // Writes blocks 1 to `writes`, each once, while the helper is killed and started again, evenly
  // over the way, so many times; every write succeeds and a few are read back.
  void expect_writes_survive_kills(int writes, int kills) {
    expect_writes_survive(writes, kills, [this] {
      helper_->crash();
      helper_->start();
    });
  }
  // The same with any accident.
  void expect_writes_survive(int writes, int accidents, const std::function<void()>& accident);

 private:
  Hub hub_{scratch_, {"a", "chip"}};
  RpmbStore store_{scratch_, "store"};
  std::optional<Helper> helper_;
  Guest* a_ = nullptr;
  std::optional<StubVm> stub_;
};

}  // namespace stratos::guest
