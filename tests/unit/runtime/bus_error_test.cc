// SPDX-License-Identifier: Apache-2.0
#include "runtime/bus_error.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "runtime/mapping.h"
#include "runtime/unique_fd.h"

namespace stratos::runtime {
namespace {

constexpr size_t kSize = 16384;

class BusErrorTest : public testing::Test {
 protected:
  BusErrorTest() {
    EXPECT_EQ(ftruncate(file_.get(), kSize), 0);
    mapping_ = std::move(*Mapping::map(file_.get(), kSize));
    mapping_.bytes()[0] = std::byte{7};
  }
  int read(size_t at) const {
    const volatile auto* bytes = reinterpret_cast<const unsigned char*>(mapping_.bytes().data());
    return bytes[at];
  }
  UniqueFd file_{memfd_create("test", MFD_CLOEXEC)};
  Mapping mapping_;
};

TEST_F(BusErrorTest, MemoryThatIsCutOffReadsAsZero) {
  BusErrorGuard guard(mapping_.bytes());
  ASSERT_TRUE(guard.armed());
  EXPECT_FALSE(guard.hit());
  ASSERT_EQ(ftruncate(file_.get(), 4096), 0);
  EXPECT_EQ(read(0), 7);
  EXPECT_FALSE(guard.hit());
  EXPECT_EQ(read(8192), 0);
  EXPECT_TRUE(guard.hit());
  mapping_.bytes()[kSize - 1] = std::byte{1};
  EXPECT_EQ(read(0), 0) << "all of it is gone";
}

TEST_F(BusErrorTest, AGuardIsOverWhenItGoes) {
  { const BusErrorGuard guard(mapping_.bytes()); }
  ASSERT_EQ(ftruncate(file_.get(), 0), 0);
  EXPECT_EXIT(std::exit(read(0)), testing::KilledBySignal(SIGBUS), "");
}

TEST_F(BusErrorTest, AGuardMoves) {
  BusErrorGuard guard;
  EXPECT_FALSE(guard.armed());
  guard = BusErrorGuard(mapping_.bytes());
  ASSERT_EQ(ftruncate(file_.get(), 0), 0);
  EXPECT_EQ(read(0), 0);
  EXPECT_TRUE(guard.hit());
}

}  // namespace
}  // namespace stratos::runtime
