// SPDX-License-Identifier: Apache-2.0

#include "hub_door.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

#include "ivshmem/protocol.h"
#include "machine.h"

namespace stratos::bench {
namespace {

constexpr int kWaitMs = 5000;

void wait_readable(int fd) {
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  if (poll(&waiting, 1, kWaitMs) <= 0) throw std::runtime_error("nobody answers");
}

}  // namespace

HubDoor::HubDoor(const std::string& driver_socket, const Options& options) {
  take_seat(driver_socket);
  const auto ring = [this](uint32_t) {
    ++rings_;
    eventfd_write(their_bell_.get(), 1);
  };
  const auto pump = [this] {
    constexpr int kPatienceMs = 10;
    wait_for_bell(kPatienceMs);
  };
  driver_ = std::make_unique<test::MsgDriver>(
      region_.bytes(), test::MsgDriver::Options{.ring = ring, .pump = pump, .now = now_ns});
  if (!driver_->connect()) throw std::runtime_error("the device side does not come up");
  constexpr uint64_t kOfTheDevice = 0xffffff;
  device_ = driver_->set_up(
      0,
      kOfTheDevice | virtio::kFeatureEventIdx | (options.packed ? virtio::kFeatureRingPacked : 0),
      options.queue_size);
  if (!device_) throw std::runtime_error("the device cannot be set up");
}

void HubDoor::take_seat(const std::string& driver_socket) {
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

void HubDoor::kick(uint16_t index) {
  if (device_->queues[index]->kick_needed()) driver_->kick(0, index);
}

bool HubDoor::wait_for_bell(int timeout_ms) {
  pollfd rung{my_bell_.get(), POLLIN, 0};
  if (poll(&rung, 1, timeout_ms) <= 0) return false;
  eventfd_t count = 0;
  eventfd_read(my_bell_.get(), &count);
  return true;
}

void HubDoor::sleep(uint16_t) {
  if (driver_->prepare_sleep() && !wait_for_bell(kWaitMs))
    throw std::runtime_error("the device side went silent");
  driver_->poll();
}

}  // namespace stratos::bench
