// SPDX-License-Identifier: Apache-2.0
// The RPMB partition of a real eMMC, or whatever takes the same ioctl.
//
// The ioctl blocks, and io_uring does not have it: a thread of its own does it, one
// exchange after another. How long a chip may take is up to the kernel's mmc core, which
// gives up after seconds; meanwhile all other devices go on.

#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "devices/rpmb/frame_port.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/unique_fd.h"
#include "runtime/worker.h"

namespace stratos::rpmb_mmc {
struct Commands;
}

namespace stratos::hosts {

class RpmbMmc final : public rpmb::FramePort {
 public:
  struct Options {
    std::string device{};  // path of the node
    // Blocks; 0: what sysfs says of the chip.
    uint32_t capacity = 0;
    uint32_t max_write_blocks = 0;
  };
  // Does MMC_IOC_MULTI_CMD on the node, in the thread; 0 or an errno.
  using Execute = std::function<int(int fd, rpmb_mmc::Commands& commands)>;

  // Opens and locks; waits up to two seconds for a predecessor that dies just now. `loop`
  // outlives it. The error is one line that says what to do.
  static std::expected<std::unique_ptr<RpmbMmc>, std::string> open(runtime::Loop& loop,
                                                                   const Options& options);
  // The same over a file that is open, with all options given.
  static std::expected<std::unique_ptr<RpmbMmc>, std::string> create(runtime::Loop& loop,
                                                                     const Options& options,
                                                                     runtime::UniqueFd node,
                                                                     Execute execute);
  // An exchange under way goes on until the chip or the kernel ends it; its listener does
  // not hear of it.
  ~RpmbMmc();
  RpmbMmc(const RpmbMmc&) = delete;
  RpmbMmc& operator=(const RpmbMmc&) = delete;

  // Starts the thread: once, before the first exchange and inside the sandbox.
  std::expected<void, std::string> start();

  uint32_t capacity() const { return options_.capacity; }
  uint32_t max_write_blocks() const { return options_.max_write_blocks; }

  void listen(rpmb::FramePortListener& listener) override { listener_ = &listener; }
  void begin(const rpmb::Exchange& exchange) override;

 private:
  class Task;

  RpmbMmc(const Options& options, std::shared_ptr<Task> task);
  void done();

  runtime::Log log_;
  const Options options_;
  const std::shared_ptr<Task> task_;
  std::unique_ptr<runtime::Worker> worker_;
  rpmb::FramePortListener* listener_ = nullptr;
  std::span<std::byte> response_;  // where that of the exchange under way goes
};

}  // namespace stratos::hosts
