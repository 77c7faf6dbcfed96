// SPDX-License-Identifier: Apache-2.0
// Signals as events of the loop.

#pragma once

#include <expected>
#include <functional>
#include <initializer_list>
#include <memory>
#include <system_error>

#include "runtime/fd_watch.h"
#include "runtime/loop.h"
#include "runtime/unique_fd.h"

namespace stratos::runtime {

// Blocks the named signals for this thread (and those it starts later) and calls
// back with the number of each that arrives. They stay blocked when this goes: a
// signal that comes during the way out must not cut it short.
class Signals {
 public:
  static std::expected<std::unique_ptr<Signals>, std::error_code> watch(
      Loop& loop, std::initializer_list<int> signals, std::function<void(int)> callback);

 private:
  Signals(Loop& loop, UniqueFd fd, std::function<void(int)> callback);
  void drain();

  UniqueFd fd_;
  std::function<void(int)> callback_;
  FdWatch watch_;
};

}  // namespace stratos::runtime
