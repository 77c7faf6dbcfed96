// SPDX-License-Identifier: Apache-2.0

#include "floors.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "machine.h"

namespace stratos::bench {
namespace {

constexpr size_t kWarmUp = 1000;

void wake(int fd) {
  if (eventfd_write(fd, 1) != 0) std::abort();
}

void wait(int fd) {
  eventfd_t value = 0;
  if (eventfd_read(fd, &value) != 0) std::abort();
}

struct alignas(64) Line {
  std::atomic<uint64_t> value{0};
};

}  // namespace

Latencies eventfd_ping_pong(size_t rounds) {
  const int ping = eventfd(0, 0);
  const int pong = eventfd(0, 0);
  std::thread echo([&] {
    pin_to_cpu(1);
    for (size_t i = 0; i < rounds + kWarmUp; ++i) {
      wait(ping);
      wake(pong);
    }
  });
  pin_to_cpu(0);
  Latencies result(rounds);
  for (size_t i = 0; i < rounds + kWarmUp; ++i) {
    const uint64_t start = now_ns();
    wake(ping);
    wait(pong);
    if (i >= kWarmUp) result.add(now_ns() - start);
  }
  echo.join();
  close(ping);
  close(pong);
  return result;
}

Latencies cache_line_ping_pong(size_t rounds) {
  Line ping;
  Line pong;
  std::thread echo([&] {
    pin_to_cpu(1);
    for (uint64_t i = 1; i <= rounds + kWarmUp; ++i) {
      while (ping.value.load(std::memory_order_acquire) != i) cpu_relax();
      pong.value.store(i, std::memory_order_release);  // pairs with the acquire below
    }
  });
  pin_to_cpu(0);
  Latencies result(rounds);
  for (uint64_t i = 1; i <= rounds + kWarmUp; ++i) {
    const uint64_t start = now_ns();
    ping.value.store(i, std::memory_order_release);  // pairs with the acquire above
    while (pong.value.load(std::memory_order_acquire) != i) cpu_relax();
    if (i > kWarmUp) result.add(now_ns() - start);
  }
  echo.join();
  return result;
}

}  // namespace stratos::bench
