// SPDX-License-Identifier: Apache-2.0
#include "hosts/rpmb_mmc/commands.h"

#include <linux/virtio_rpmb.h>

namespace stratos::rpmb_mmc {
namespace {

// Of the command set of eMMC 5.1.
constexpr uint32_t kReadMultipleBlock = 18;
constexpr uint32_t kWriteMultipleBlock = 25;

// What the kernel's mmc core wants to know of a command: it moves data (ADTC), and is
// answered with an R1, on an SPI bus too. include/linux/mmc/core.h has the bits.
constexpr uint32_t kResponseR1 = 1U << 0 | 1U << 2 | 1U << 4;
constexpr uint32_t kTransfersData = 1U << 5;
constexpr uint32_t kSpiResponseR1 = 1U << 7;

constexpr int kRead = 0;
constexpr int kWrite = 1;
constexpr int kReliableWrite = static_cast<int>(1U << 31 | 1U);

void add(Commands& commands, uint32_t opcode, int write_flag, const void* data, size_t size) {
  if (size == 0) return;
  mmc_ioc_cmd& command = commands.list[commands.count++];
  command.opcode = opcode;
  command.write_flag = write_flag;
  command.flags = kResponseR1 | kTransfersData | kSpiResponseR1;
  command.blksz = VIRTIO_RPMB_FRAME_SIZE;
  command.blocks = static_cast<uint32_t>(size / VIRTIO_RPMB_FRAME_SIZE);
  command.data_ptr = reinterpret_cast<uintptr_t>(data);
}

}  // namespace

Commands commands_for(const rpmb::Exchange& exchange) {
  const auto& [write, ask, response] = exchange;
  Commands commands;
  add(commands, kWriteMultipleBlock, kReliableWrite, write.data(), write.size());
  add(commands, kWriteMultipleBlock, kWrite, ask.data(), ask.size());
  add(commands, kReadMultipleBlock, kRead, response.data(), response.size());
  return commands;
}

}  // namespace stratos::rpmb_mmc
