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
#include <functional>
#include <memory>
#include <new>

#include "allocations.h"
#include "links/shm/hub_peer.h"
#include "links/shm/shm_link.h"
#include "links/vhost_user/vhost_user_link.h"
#include "machine.h"
#include "responder.h"
#include "runtime/loop.h"
#include "runtime/socket_claim.h"

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

// How often the link notified its driver.
using Notifications = std::function<uint64_t()>;

uint64_t notifications_of(const virtio::Instance& instance) {
  return instance.queue_counters(0).notifications_sent;
}

// Publishes the figures; a few stores a turn.
template <typename Shared>
class FiguresHook final : public runtime::TurnHook {
 public:
  FiguresHook(runtime::Loop& loop, Notifications notifications, Shared& shared)
      : loop_(loop), notifications_(std::move(notifications)), shared_(shared) {}
  bool on_turn_end() override {
    constexpr auto kRelaxed = std::memory_order_relaxed;
    shared_.system_calls.store(loop_.counters().system_calls, kRelaxed);
    shared_.notifications.store(notifications_(), kRelaxed);
    shared_.allocations.store(allocations(), kRelaxed);
    return false;
  }

 private:
  runtime::Loop& loop_;
  Notifications notifications_;
  Shared& shared_;
};

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "{}\n", why);
  _exit(1);
}

std::unique_ptr<runtime::Loop> make_loop(std::chrono::nanoseconds poll_time) {
  auto loop = runtime::Loop::create({.poll_time = poll_time});
  if (!loop) give_up(loop.error());
  return std::move(*loop);
}

template <typename Shared>
[[noreturn]] void run(runtime::Loop& loop, Notifications notifications, Shared& shared) {
  FiguresHook<Shared> figures(loop, std::move(notifications), shared);
  loop.add_hook(figures);
  loop.run();
  _exit(0);
}

template <typename Shared>
[[noreturn]] void serve_hub(const std::string& device_socket, std::chrono::nanoseconds poll_time,
                            Shared& shared) {
  const auto loop = make_loop(poll_time);
  Silent observer;
  Responder device;
  links::ShmLink link(*loop, "bench", observer, {.link = {}, .budget = 256});
  if (!link.add_device(0, device, 1 << 20)) _exit(1);
  links::HubPeer peer(*loop, device_socket,
                      {.on_attached =
                           [&](std::unique_ptr<links::Attachment> attachment) {
                             if (auto result = link.attach(std::move(attachment)); !result)
                               give_up(result.error());
                           },
                       .on_hub_lost = [] { _exit(0); }});
  run(
      *loop,
      [&link] {
        const virtio::MsgLink* msg = link.msg_link();
        const virtio::Instance* instance = msg != nullptr ? msg->instance(0) : nullptr;
        return instance != nullptr ? notifications_of(*instance) : 0;
      },
      shared);
}

template <typename Shared>
[[noreturn]] void serve_front_end(const std::string& socket, std::chrono::nanoseconds poll_time,
                                  bool packed, Shared& shared) {
  const auto loop = make_loop(poll_time);
  Silent observer;
  Responder device;
  links::VhostUserLink::Options options;
  options.budget = 256;
  if (packed) options.ring_features |= virtio::kFeatureRingPacked;
  const auto link = links::VhostUserLink::create(*loop, "bench", observer, device, options);
  if (!link) give_up(link.error());
  auto claim = runtime::SocketClaim::claim(socket);
  if (!claim) give_up(claim.error());
  constexpr mode_t kOurs = 0600;
  auto listener = claim->listen(getuid(), getgid(), kOurs);
  if (!listener) give_up(listener.error());
  (*link)->listen(std::move(*listener));
  run(
      *loop, [&link] { return notifications_of((*link)->instance()); }, shared);
}

}  // namespace

std::unique_ptr<HelperProcess> HelperProcess::behind_hub(const std::string& device_socket,
                                                         std::chrono::nanoseconds poll_time) {
  return std::unique_ptr<HelperProcess>(
      new HelperProcess([&](Shared& shared) { serve_hub(device_socket, poll_time, shared); }));
}

std::unique_ptr<HelperProcess> HelperProcess::for_front_end(const std::string& socket,
                                                            std::chrono::nanoseconds poll_time,
                                                            bool packed) {
  return std::unique_ptr<HelperProcess>(new HelperProcess(
      [&](Shared& shared) { serve_front_end(socket, poll_time, packed, shared); }));
}

HelperProcess::HelperProcess(const std::function<void(Shared&)>& serve) {
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  shared_ = new (memory) Shared;
  pid_ = fork();
  if (pid_ != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin_to_cpu(1);
  serve(*shared_);
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
