// SPDX-License-Identifier: Apache-2.0

#include "link_driver.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>

#include "ivshmem/protocol.h"
#include "machine.h"
#include "responder.h"

namespace stratos::bench {
namespace {

constexpr int kWaitMs = 5000;
constexpr unsigned kMaxDepth = kQueueSize / 2;

void wait_readable(int fd) {
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  if (poll(&waiting, 1, kWaitMs) <= 0) throw std::runtime_error("nobody answers");
}

}  // namespace

LinkDriver::LinkDriver(const std::string& driver_socket, bool packed) {
  take_seat(driver_socket);
  driver_ = std::make_unique<test::MsgDriver>(
      region_.bytes(), test::MsgDriver::Options{.ring =
                                                    [this](uint32_t) {
                                                      ++rings_;
                                                      eventfd_write(their_bell_.get(), 1);
                                                    },
                                                .pump =
                                                    [this] {
                                                      constexpr int kPatienceMs = 10;
                                                      wait_for_bell(kPatienceMs);
                                                    },
                                                .now = now_ns});
  if (!driver_->connect()) throw std::runtime_error("the device side does not come up");
  const uint64_t ring = packed ? virtio::kFeatureRingPacked : 0;
  constexpr uint64_t kOfTheDevice = 0xffffff;
  device_ = driver_->set_up(0, kOfTheDevice | virtio::kFeatureEventIdx | ring, kQueueSize);
  if (!device_) throw std::runtime_error("the device cannot be set up");
  queue_ = device_->queues[0].get();
  slot_of_.resize(kQueueSize);
  for (unsigned i = 0; i < kMaxDepth; ++i)
    buffers_.push_back(device_->memory->allocate(size_t{2} * kRequestSize, 64));
}

void LinkDriver::take_seat(const std::string& driver_socket) {
  socket_ = runtime::UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, driver_socket.c_str(), sizeof address.sun_path - 1);
  if (connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("no hub at " + driver_socket);
  ivshmem::MessageReader reader;
  while (!my_bell_.valid()) {
    wait_readable(socket_.get());
    auto message = reader.read(socket_.get());
    if (!message) throw std::runtime_error(message.error());
    if (!*message) continue;
    runtime::UniqueFd fd = std::move((*message)->fd);
    if ((*message)->value == ivshmem::kMemory) {
      struct stat status {};
      fstat(fd.get(), &status);
      auto mapping = runtime::Mapping::map(fd.get(), static_cast<size_t>(status.st_size));
      if (!mapping) throw std::runtime_error("cannot map the region");
      region_ = std::move(*mapping);
    } else if (fd.valid() && (*message)->value == ivshmem::kDevicePeer) {
      their_bell_ = std::move(fd);
    } else if (fd.valid() && (*message)->value == ivshmem::kDriverPeer) {
      my_bell_ = std::move(fd);
    }
  }
}

void LinkDriver::add(unsigned slot) {
  const std::array<test::Buffer, 1> request{{{buffers_[slot], kRequestSize}}};
  const std::array<test::Buffer, 1> reply{{{buffers_[slot] + kRequestSize, kRequestSize}}};
  const auto id = queue_->add(request, reply);
  if (!id) throw std::logic_error("the ring is full");
  slot_of_[*id] = slot;
}

void LinkDriver::kick_if_needed() {
  queue_->publish();
  if (queue_->kick_needed()) driver_->kick(0, 0);
}

unsigned LinkDriver::reap(size_t& again) {
  unsigned done = 0;
  while (const auto used = queue_->get_used()) {
    ++done;
    if (used->length != kRequestSize) throw std::runtime_error("a reply is too short");
    if (again == 0) continue;
    --again;
    add(slot_of_[used->id]);
  }
  return done;
}

bool LinkDriver::wait_for_bell(int timeout_ms) {
  pollfd rung{my_bell_.get(), POLLIN, 0};
  if (poll(&rung, 1, timeout_ms) <= 0) return false;
  eventfd_t count = 0;
  eventfd_read(my_bell_.get(), &count);
  return true;
}

void LinkDriver::wait_for_used(bool sleep) {
  if (!sleep) {
    cpu_relax();
    return;
  }
  if (queue_->enable_notifications()) return;
  if (driver_->prepare_sleep() && !wait_for_bell(kWaitMs))
    throw std::runtime_error("the device side went silent");
  driver_->poll();
  queue_->disable_notifications();
}

Latencies LinkDriver::round_trips(size_t count, bool sleep) {
  constexpr size_t kWarmUp = 1000;
  Latencies result(count);
  queue_->disable_notifications();
  for (size_t i = 0; i < count + kWarmUp; ++i) {
    const uint64_t start = now_ns();
    add(0);
    kick_if_needed();
    size_t none = 0;
    while (reap(none) == 0) wait_for_used(sleep);
    if (i >= kWarmUp) result.add(now_ns() - start);
    if (i % 1024 == 0) driver_->poll();  // the heartbeat
  }
  return result;
}

uint64_t LinkDriver::pipelined(size_t count, unsigned depth, bool sleep) {
  queue_->disable_notifications();
  const uint64_t start = now_ns();
  for (unsigned slot = 0; slot < depth; ++slot) add(slot);
  kick_if_needed();
  size_t again = count - depth;
  size_t turns = 0;
  for (size_t done = 0; done < count;) {
    const unsigned reaped = reap(again);
    done += reaped;
    if (reaped != 0) {
      kick_if_needed();
    } else {
      wait_for_used(sleep);
    }
    if (++turns % 65536 == 0) driver_->poll();  // the heartbeat
  }
  return now_ns() - start;
}

}  // namespace stratos::bench
