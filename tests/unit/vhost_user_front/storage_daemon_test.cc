// SPDX-License-Identifier: Apache-2.0
// The vhost-user front-end of the tests reads and writes a disk of qemu-storage-daemon, so that
// what it says of our own back-end is worth something.

#include <gtest/gtest.h>
#include <linux/virtio_blk.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "hub/child_process.h"
#include "hub/scratch_directory.h"
#include "vhost_user_front.h"
#include "virtio/endian.h"

namespace stratos::test {
namespace {

constexpr const char* kDaemon = "/usr/bin/qemu-storage-daemon";
constexpr uint32_t kSector = 512;
constexpr uint64_t kSectors = 128;

// What the disk has in the beginning.
char byte_of(uint64_t sector) { return static_cast<char>('a' + sector % 26); }

class StorageDaemonTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (access(kDaemon, X_OK) != 0) GTEST_SKIP() << kDaemon << " is not installed";
    std::ofstream disk(scratch_.file("disk"));
    for (uint64_t sector = 0; sector < kSectors; ++sector)
      disk << std::string(kSector, byte_of(sector));
    disk.close();
    start_daemon();
  }
  void start_daemon() {
    daemon_ = std::make_unique<hub::ChildProcess>(std::vector<std::string>{
        kDaemon, "--blockdev", "driver=file,node-name=disk,filename=" + scratch_.file("disk"),
        "--export",
        "type=vhost-user-blk,id=block,node-name=disk,writable=on,addr.type=unix,addr.path=" +
            socket()});
    ASSERT_TRUE(daemon_->started());
  }
  std::string socket() const { return scratch_.file("socket"); }

  // One request with a sector of data; the status byte that came back.
  static std::byte request(VhostUserFront& front, uint32_t type, uint64_t sector, Buffer data) {
    DriverMemory& memory = front.memory();
    const Buffer head{memory.allocate(sizeof(virtio_blk_outhdr)), sizeof(virtio_blk_outhdr)};
    std::byte* bytes = memory.at(head.address);
    virtio::store_le(bytes + offsetof(virtio_blk_outhdr, type), type);
    virtio::store_le(bytes + offsetof(virtio_blk_outhdr, sector), sector);
    const Buffer status{memory.allocate(1), 1};
    DriverQueue& queue = front.queue(0);
    if (type == VIRTIO_BLK_T_OUT) {
      queue.add(std::array{head, data}, std::array{status});
    } else {
      queue.add(std::array{head}, std::array{data, status});
    }
    queue.publish();
    queue.enable_notifications();
    front.kick_if_needed(0);
    while (!queue.get_used()) {
      if (!front.wait_for_call(0, std::chrono::seconds(5))) throw std::runtime_error("no answer");
    }
    return *memory.at(status.address);
  }

  static std::string read(VhostUserFront& front, uint64_t sector) {
    const Buffer data{front.memory().allocate(kSector), kSector};
    EXPECT_EQ(request(front, VIRTIO_BLK_T_IN, sector, data), std::byte{VIRTIO_BLK_S_OK});
    return {reinterpret_cast<const char*>(front.memory().at(data.address)), kSector};
  }
  static void write(VhostUserFront& front, uint64_t sector, char byte) {
    const Buffer data{front.memory().allocate(kSector), kSector};
    std::memset(front.memory().at(data.address), byte, kSector);
    EXPECT_EQ(request(front, VIRTIO_BLK_T_OUT, sector, data), std::byte{VIRTIO_BLK_S_OK});
  }

  hub::ScratchDirectory scratch_;
  std::unique_ptr<hub::ChildProcess> daemon_;
};

TEST_F(StorageDaemonTest, ItsConfigurationIsRead) {
  VhostUserFront front(VhostUserChannel::connect(socket()), {});
  const auto capacity = front.read_config(offsetof(virtio_blk_config, capacity), sizeof(uint64_t));
  EXPECT_EQ(virtio::load_le<uint64_t>(capacity.data()), kSectors);
}

TEST_F(StorageDaemonTest, SectorsAreReadAndWritten) {
  VhostUserFront front(VhostUserChannel::connect(socket()), {});
  for (uint64_t sector = 0; sector < kSectors; ++sector)
    ASSERT_EQ(read(front, sector), std::string(kSector, byte_of(sector))) << sector;
  write(front, 5, '!');
  EXPECT_EQ(read(front, 5), std::string(kSector, '!'));
  EXPECT_EQ(read(front, 6), std::string(kSector, byte_of(6)));
}

TEST_F(StorageDaemonTest, ADriverGoesOnWithItsSuccessor) {
  VhostUserFront front(VhostUserChannel::connect(socket()), {});
  write(front, 5, '!');
  daemon_.reset();
  std::remove(socket().c_str());
  start_daemon();
  front.reconnect(VhostUserChannel::connect(socket()));
  EXPECT_EQ(read(front, 5), std::string(kSector, '!'));
  for (uint64_t sector = 6; sector < kSectors; ++sector)
    ASSERT_EQ(read(front, sector), std::string(kSector, byte_of(sector))) << sector;
}

TEST_F(StorageDaemonTest, AQueueThatIsStoppedGoesOnWhereItWas) {
  VhostUserFront front(VhostUserChannel::connect(socket()), {});
  for (uint64_t sector = 0; sector < 10; ++sector) read(front, sector);
  const uint32_t base = front.stop_queue(0);
  EXPECT_EQ(base, front.queue(0).used_position());
  front.start_queue(0, base);
  EXPECT_EQ(read(front, 3), std::string(kSector, byte_of(3)));
}

}  // namespace
}  // namespace stratos::test
