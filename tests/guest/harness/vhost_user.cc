// SPDX-License-Identifier: Apache-2.0

#include "harness/vhost_user.h"

#include <fmt/format.h>
#include <linux/virtio_can.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_rpmb.h>

#include "harness/error.h"
#include "harness/kernel.h"

namespace stratos::guest {

VhostUserDevice vhost_user_can(const std::filesystem::path& socket) {
  return {.socket = socket,
          .id = VIRTIO_ID_CAN,
          .queues = VIRTIO_CAN_QUEUE_COUNT,
          .queue_size = 256,
          .config_size = sizeof(virtio_can_config)};
}

VhostUserDevice vhost_user_rpmb(const std::filesystem::path& socket) {
  return {.socket = socket,
          .id = VIRTIO_ID_RPMB,
          .queues = 1,
          .queue_size = 256,
          .config_size = sizeof(virtio_rpmb_config)};
}

std::filesystem::path vhost_user_qemu() {
  auto program = build_folder() / "qemu-root" / "qemu-system-x86_64";
  if (!std::filesystem::exists(program))
    throw HarnessError(fmt::format("no {}: run scripts/qemu-root", program.string()));
  return program;
}

std::vector<std::string> vhost_user_arguments(std::span<const VhostUserDevice> devices,
                                              int memory_mib) {
  std::vector<std::string> arguments{
      "-object", fmt::format("memory-backend-memfd,id=memory,size={}M,share=on", memory_mib),
      "-machine", "memory-backend=memory"};
  for (size_t i = 0; i < devices.size(); ++i) {
    const VhostUserDevice& device = devices[i];
    arguments.insert(
        arguments.end(),
        {"-chardev",
         fmt::format("socket,id=backend{},path={}{}", i, device.socket.string(),
                     device.listens ? ",server=on,wait=on" : ""),
         "-device",
         fmt::format("vhost-user-test-device-pci,chardev=backend{},virtio-id={},num_vqs={},"
                     "vq_size={},config_size={},packed={}",
                     i, device.id, device.queues, device.queue_size, device.config_size,
                     device.packed ? "on" : "off")});
  }
  return arguments;
}

}  // namespace stratos::guest
