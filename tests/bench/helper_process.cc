// SPDX-License-Identifier: Apache-2.0

#include "helper_process.h"

#include <fmt/core.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>

#include "allocations.h"
#include "links/shm/hub_peer.h"
#include "links/shm/shm_link.h"
#include "machine.h"
#include "responder.h"
#include "runtime/loop.h"

namespace stratos::bench {

// In memory that both processes see. CPU time is read from outside.
struct HelperProcess::Shared {
  std::atomic<uint64_t> system_calls{0};
  std::atomic<uint64_t> notifications{0};
  std::atomic<uint64_t> allocations{0};
};

namespace {

class Silent final : public virtio::Observer {
 public:
  void on_event(virtio::Event, uint16_t, uint32_t) override {}
};

// Publishes the figures; a few stores a turn.
template <typename Shared>
class FiguresHook final : public runtime::TurnHook {
 public:
  FiguresHook(runtime::Loop& loop, const links::ShmLink& link, Shared& shared)
      : loop_(loop), link_(link), shared_(shared) {}
  bool on_turn_end() override {
    uint64_t rings = 0;
    uint64_t notifications = 0;
    if (const virtio::MsgLink* link = link_.msg_link()) {
      rings = link->counters().rings;
      if (const virtio::Instance* instance = link->instance(0))
        notifications = instance->queue_counters(0).notifications_sent;
    }
    constexpr auto kRelaxed = std::memory_order_relaxed;
    shared_.system_calls.store(loop_.counters().system_calls + rings, kRelaxed);
    shared_.notifications.store(notifications, kRelaxed);
    shared_.allocations.store(allocations(), kRelaxed);
    return false;
  }

 private:
  runtime::Loop& loop_;
  const links::ShmLink& link_;
  Shared& shared_;
};

template <typename Shared>
[[noreturn]] void serve(const std::string& device_socket, std::chrono::nanoseconds poll_time,
                        Shared& shared) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin_to_cpu(1);
  auto loop = runtime::Loop::create({.poll_time = poll_time});
  if (!loop) {
    fmt::print(stderr, "{}\n", loop.error());
    _exit(1);
  }
  Silent observer;
  Responder device;
  links::ShmLink link(**loop, "bench", observer, {.link = {}, .budget = 256});
  if (!link.add_device(0, device, 1 << 20)) _exit(1);
  links::HubPeer peer(**loop, device_socket,
                      {.on_attached =
                           [&](std::unique_ptr<links::Attachment> attachment) {
                             if (auto result = link.attach(std::move(attachment)); !result) {
                               fmt::print(stderr, "{}\n", result.error());
                               _exit(1);
                             }
                           },
                       .on_hub_lost = [] { _exit(0); }});
  FiguresHook<Shared> figures(**loop, link, shared);
  (*loop)->add_hook(figures);
  (*loop)->run();
  _exit(0);
}

}  // namespace

HelperProcess::HelperProcess(const std::string& device_socket, std::chrono::nanoseconds poll_time) {
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  shared_ = new (memory) Shared;
  pid_ = fork();
  if (pid_ == 0) serve(device_socket, poll_time, *shared_);
}

HelperProcess::~HelperProcess() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  munmap(shared_, sizeof(Shared));
}

HelperFigures HelperProcess::figures() const {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  return {.cpu_ns = cpu_time_ns(pid_),
          .system_calls = shared_->system_calls.load(kRelaxed),
          .notifications = shared_->notifications.load(kRelaxed),
          .allocations = shared_->allocations.load(kRelaxed)};
}

}  // namespace stratos::bench
