// SPDX-License-Identifier: Apache-2.0
// Guests whose devices are served over vhost-user, through a QEMU that knows none of them.

#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace stratos::guest {

// What QEMU has to be told of a device: it asks the backend for everything else.
struct VhostUserDevice {
  std::filesystem::path socket;
  int id = 0;  // VIRTIO_ID_*
  int queues = 1;
  int queue_size = 64;  // of each
  int config_size = 0;  // bytes
  bool packed = false;  // whether packed rings are on offer
  // QEMU listens at the socket, and the guest starts when a backend has come. Else the backend
  // listens when the guest starts.
  bool listens = false;
};

// Devices of this project, as their models have them.
VhostUserDevice vhost_user_can(const std::filesystem::path& socket);
VhostUserDevice vhost_user_rpmb(const std::filesystem::path& socket);

// The QEMU that carries them; throws HarnessError, saying what to run, if it is not there.
std::filesystem::path vhost_user_qemu();
// Its arguments for these devices and for memory that it shares with their backends.
std::vector<std::string> vhost_user_arguments(std::span<const VhostUserDevice> devices,
                                              int memory_mib);

}  // namespace stratos::guest
