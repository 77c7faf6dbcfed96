// SPDX-License-Identifier: Apache-2.0
#include "runtime/bus_error.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>

namespace stratos::runtime {
namespace {

// What the handler reads. A size of 0 is a free place.
struct Range {
  std::atomic<uintptr_t> begin{0};
  std::atomic<size_t> size{0};
  std::atomic<bool> hit{false};
};
std::array<Range, 1024> ranges;
static_assert(std::atomic<size_t>::is_always_lock_free, "a signal handler takes no lock");

// Calls nothing but mmap() and sigaction().
void on_bus_error(int signal, siginfo_t* info, void* /*context*/) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (Range& range : ranges) {
    const uintptr_t begin = range.begin.load();
    const size_t size = range.size.load();
    if (address < begin || address - begin >= size) continue;
    void* const place = reinterpret_cast<void*>(begin);  // NOLINT(performance-no-int-to-ptr)
    if (mmap(place, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        MAP_FAILED) {
      break;
    }
    range.hit = true;
    return;
  }
  // The instruction is tried again, and this time it kills.
  struct sigaction fatal {};
  fatal.sa_handler = SIG_DFL;
  sigaction(signal, &fatal, nullptr);
}

void install_handler() {
  static const bool installed = [] {
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    return sigaction(SIGBUS, &action, nullptr) == 0;
  }();
  static_cast<void>(installed);
}

}  // namespace

BusErrorGuard::BusErrorGuard(std::span<std::byte> mapping) {
  install_handler();
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].size != 0) continue;
    ranges[i].hit = false;
    ranges[i].begin = reinterpret_cast<uintptr_t>(mapping.data());
    ranges[i].size = mapping.size();
    slot_ = static_cast<int>(i);
    return;
  }
}

BusErrorGuard::~BusErrorGuard() {
  if (armed()) ranges[static_cast<size_t>(slot_)].size = 0;
}

bool BusErrorGuard::hit() const { return armed() && ranges[static_cast<size_t>(slot_)].hit; }

}  // namespace stratos::runtime
