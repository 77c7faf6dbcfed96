// SPDX-License-Identifier: Apache-2.0
#include "runtime/signals.h"

#include <csignal>
#include <vector>

#include "runtime/test_loop.h"

namespace stratos::runtime {
namespace {

TEST(Signals, ArriveAsEvents) {
  auto loop = make_loop();
  std::vector<int> seen;
  auto signals =
      Signals::watch(*loop, {SIGUSR1, SIGUSR2}, [&](int signal) { seen.push_back(signal); });
  ASSERT_TRUE(signals.has_value());
  raise(SIGUSR1);
  ASSERT_TRUE(turn_until(*loop, [&] { return seen.size() == 1; }));
  raise(SIGUSR2);
  raise(SIGUSR1);
  ASSERT_TRUE(turn_until(*loop, [&] { return seen.size() == 3; }));
  EXPECT_EQ(seen[0], SIGUSR1);
}

}  // namespace
}  // namespace stratos::runtime
