// SPDX-License-Identifier: Apache-2.0
// What can be seen of UIO without the module: finding, checking, mapping. The
// interrupt is for the guest tests.

#include "links/shm/uio.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "hub/scratch_directory.h"
#include "runtime/mapping.h"

namespace stratos::links {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kPage = 4096;

// A /dev and a /sys/class/uio with files in place of devices. The region is the
// second page of the file, as map 1 is at page offset 1.
class UioTest : public testing::Test {
 protected:
  void add(const std::string& device, const std::string& name, uint64_t region_size = kPage,
           const std::string& registers_name = "registers") {
    const fs::path entry = paths_.classes / device;
    write(entry / "name", name);
    write(entry / "maps/map0/name", registers_name);
    write(entry / "maps/map0/size", "0x0000000000001000");
    write(entry / "maps/map1/name", "region");
    char size[32];
    std::snprintf(size, sizeof(size), "0x%016llx", static_cast<unsigned long long>(region_size));
    write(entry / "maps/map1/size", size);
    write(paths_.devices / device, "");
    fs::resize_file(paths_.devices / device, 2 * kPage);
  }
  static void write(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text << "\n";
  }

  hub::ScratchDirectory scratch_;
  UioPaths paths_{.devices = scratch_.file("dev"), .classes = scratch_.file("class")};
};

TEST_F(UioTest, FindsTheDeviceByItsName) {
  add("uio0", "somebody else");
  add("uio1", "stratos");
  EXPECT_EQ(find_uio("auto", paths_), paths_.devices / "uio1");
}

TEST_F(UioTest, TakesAPathAsItIs) { EXPECT_EQ(find_uio("/dev/uio7", paths_), "/dev/uio7"); }

TEST_F(UioTest, NoDeviceIsAnErrorThatNamesTheModule) {
  const auto none = find_uio("auto", paths_);
  ASSERT_FALSE(none.has_value());
  EXPECT_NE(none.error().find("uio_stratos"), std::string::npos) << none.error();
}

TEST_F(UioTest, TwoDevicesWantAChoice) {
  add("uio0", "stratos");
  add("uio1", "stratos");
  const auto both = find_uio("auto", paths_);
  ASSERT_FALSE(both.has_value());
  EXPECT_NE(both.error().find("name one"), std::string::npos) << both.error();
}

TEST_F(UioTest, MapsRegistersAndRegionAndRingsWithWhatThePeerPublished) {
  add("uio0", "stratos");
  const fs::path node = paths_.devices / "uio0";
  {
    std::fstream file(node, std::ios::in | std::ios::out | std::ios::binary);
    const uint32_t position = 1;
    file.seekp(8);
    file.write(reinterpret_cast<const char*>(&position), sizeof(position));
    file.seekp(kPage);
    file.write("region", 6);
  }
  auto attachment = open_uio(node, paths_);
  ASSERT_TRUE(attachment.has_value()) << attachment.error();
  EXPECT_EQ((*attachment)->doorbell(), 1U << 16);
  ASSERT_EQ((*attachment)->region().size(), kPage);
  EXPECT_EQ(std::memcmp((*attachment)->region().data(), "region", 6), 0);
  (*attachment)->ring(0x20000);
  std::ifstream file(node, std::ios::binary);
  uint32_t doorbell = 0;
  file.seekg(12);
  file.read(reinterpret_cast<char*>(&doorbell), sizeof(doorbell));
  EXPECT_EQ(doorbell, 0x20000U);
}

TEST_F(UioTest, RefusesADeviceOfAnotherDriver) {
  add("uio0", "stratos", kPage, "something");
  EXPECT_FALSE(open_uio(paths_.devices / "uio0", paths_).has_value());
}

TEST_F(UioTest, RefusesARegionThatIsTooSmall) {
  add("uio0", "stratos", 64);
  EXPECT_FALSE(open_uio(paths_.devices / "uio0", paths_).has_value());
}

TEST_F(UioTest, MissingNodeIsAnErrorThatNamesIt) {
  const auto missing = open_uio(paths_.devices / "uio9", paths_);
  ASSERT_FALSE(missing.has_value());
  EXPECT_NE(missing.error().find("uio9"), std::string::npos) << missing.error();
}

}  // namespace
}  // namespace stratos::links
