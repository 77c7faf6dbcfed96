// SPDX-License-Identifier: Apache-2.0
#include "hub/region.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/mapping.h"
#include "virtio/amp_layout.h"

namespace stratos::hub {
namespace {

TEST(Region, HasAValidLayout) {
  constexpr uint64_t kSize = 1 << 20;
  auto memory = create_region("test", kSize);
  ASSERT_TRUE(memory.has_value()) << memory.error();
  auto mapping = runtime::Mapping::map(memory->get(), kSize);
  ASSERT_TRUE(mapping.has_value());
  const auto layout = virtio::read_layout(mapping->bytes());
  ASSERT_TRUE(layout.has_value()) << virtio::to_string(layout.error());
  EXPECT_EQ(layout->region_size, kSize);
  EXPECT_GT(layout->pool.size, kSize / 4);
}

TEST(Region, NobodyCanChangeItsSize) {
  auto memory = create_region("test", 1 << 20);
  ASSERT_TRUE(memory.has_value());
  EXPECT_NE(ftruncate(memory->get(), 4096), 0);
  EXPECT_NE(ftruncate(memory->get(), 2 << 20), 0);
  EXPECT_NE(fcntl(memory->get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
  struct stat status {};
  ASSERT_EQ(fstat(memory->get(), &status), 0);
  EXPECT_EQ(status.st_size, 1 << 20);
}

TEST(Region, IsToldFromOtherMemory) {
  constexpr uint64_t kSize = 1 << 20;
  auto memory = create_region("test", kSize);
  ASSERT_TRUE(memory.has_value());
  EXPECT_TRUE(check_region(memory->get(), kSize).has_value());
  EXPECT_FALSE(check_region(memory->get(), 2 * kSize).has_value());
  EXPECT_FALSE(check_region(-1, kSize).has_value());
  const runtime::UniqueFd unsealed(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(ftruncate(unsealed.get(), kSize), 0);
  EXPECT_FALSE(check_region(unsealed.get(), kSize).has_value());
  // It can still be shrunk.
  ASSERT_EQ(fcntl(unsealed.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SEAL), 0);
  EXPECT_FALSE(check_region(unsealed.get(), kSize).has_value());
}

}  // namespace
}  // namespace stratos::hub
