// SPDX-License-Identifier: Apache-2.0

#include "virtio/amp_layout.h"

#include <gtest/gtest.h>

#include <linux/virtio_msg.h>

#include <cstring>
#include <functional>
#include <vector>

namespace stratos::virtio {
namespace {

constexpr size_t kBytes = 1 << 20;

// Page 0 as the header file describes it (the test machine is little endian).
struct Page0 {
  virtio_msg_amp_layout amp;
  virtio_msg_stratos_layout stratos;
};

std::vector<std::byte> good_region() {
  std::vector<std::byte> region(kBytes);
  write_layout(region, *plan_layout({.region_size = kBytes}));
  return region;
}

TEST(AmpLayoutTest, PlansDisjointPagesForEachWriter) {
  const auto layout = plan_layout({.region_size = kBytes});
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->device_numbers(), 63U);
  EXPECT_EQ(layout->num_elements, 32);
  EXPECT_EQ(layout->element_size, 320);
  EXPECT_EQ(layout->device_private.size, 256U << 10);
  EXPECT_EQ(layout->pool.offset % kPageSize, 0U);
  EXPECT_EQ(layout->pool.end(), kBytes);
  EXPECT_EQ(layout->driver.head.offset % kPageSize, 0U);
  // Nothing of the device side on a page of the driver side, and the other way round.
  for (const Extent& device : {layout->device.head, layout->device.notif, layout->device.elements,
                               layout->device.side, layout->device_private}) {
    for (const Extent& driver : {layout->driver.head, layout->driver.notif, layout->driver.elements,
                                 layout->driver.side, layout->pool}) {
      EXPECT_TRUE((device.end() - 1) / kPageSize < driver.offset / kPageSize ||
                  (driver.end() - 1) / kPageSize < device.offset / kPageSize);
    }
  }
}

TEST(AmpLayoutTest, ReadsWhatItWrote) {
  for (const LayoutPlan& plan :
       {LayoutPlan{.region_size = kBytes},
        LayoutPlan{.region_size = 4 << 20,
        .num_notif = 64,
        .vq_notif = 16,
        .num_elements = 2,
        .element_size = 64,
        .private_size = 4096},
        LayoutPlan{
            .region_size = kBytes + 4095, .num_notif = 1, .vq_notif = 1, .private_size = 1}}) {
    std::vector<std::byte> region(plan.region_size);
    const auto planned = plan_layout(plan);
    ASSERT_TRUE(planned);
    write_layout(region, *planned);
    const auto read = read_layout(region);
    ASSERT_TRUE(read) << to_string(read.error());
    EXPECT_EQ(read->region_size, plan.region_size);
    EXPECT_EQ(read->device_numbers(), planned->device_numbers());
    EXPECT_EQ(read->device.notif, planned->device.notif);
    EXPECT_EQ(read->device.head, planned->device.head);
    EXPECT_EQ(read->device.elements, planned->device.elements);
    EXPECT_EQ(read->device.side, planned->device.side);
    EXPECT_EQ(read->driver.notif, planned->driver.notif);
    EXPECT_EQ(read->driver.head, planned->driver.head);
    EXPECT_EQ(read->driver.elements, planned->driver.elements);
    EXPECT_EQ(read->driver.side, planned->driver.side);
    EXPECT_EQ(read->device_private, planned->device_private);
    EXPECT_EQ(read->pool, planned->pool);
  }
}

TEST(AmpLayoutTest, WritesTheFieldsOfTheHeaderFile) {
  const auto region = good_region();
  const auto layout = *plan_layout({.region_size = kBytes});
  Page0 page;
  std::memcpy(&page, region.data(), sizeof(page));
  EXPECT_EQ(page.amp.magic, 0x4c4f);
  EXPECT_EQ(page.amp.length, 128);
  EXPECT_EQ(page.amp.version, 1);
  EXPECT_EQ(page.amp.features, 0);
  EXPECT_EQ(page.amp.num_notif, 4);
  EXPECT_EQ(page.amp.vq_notif, 4);
  EXPECT_EQ(page.amp.num_elements, 32);
  EXPECT_EQ(page.amp.element_size, 320);
  EXPECT_EQ(page.amp.dev_notif_off, layout.device.notif.offset);
  EXPECT_EQ(page.amp.dev_head_off, layout.device.head.offset);
  EXPECT_EQ(page.amp.dev_elements_off, layout.device.elements.offset);
  EXPECT_EQ(page.amp.drv_notif_off, layout.driver.notif.offset);
  EXPECT_EQ(page.amp.drv_head_off, layout.driver.head.offset);
  EXPECT_EQ(page.amp.drv_elements_off, layout.driver.elements.offset);
  EXPECT_EQ(page.stratos.magic, 0x58525453U);
  EXPECT_EQ(page.stratos.version, 1);
  EXPECT_EQ(page.stratos.length, 64);
  EXPECT_EQ(page.stratos.region_size, kBytes);
  EXPECT_EQ(page.stratos.dev_side_off, layout.device.side.offset);
  EXPECT_EQ(page.stratos.drv_side_off, layout.driver.side.offset);
  EXPECT_EQ(page.stratos.dev_private_off, layout.device_private.offset);
  EXPECT_EQ(page.stratos.dev_private_size, layout.device_private.size);
  EXPECT_EQ(page.stratos.pool_off, layout.pool.offset);
  EXPECT_EQ(page.stratos.pool_size, layout.pool.size);
}

TEST(AmpLayoutTest, RefusesPlansThatDoNotFit) {
  EXPECT_EQ(plan_layout({.region_size = 0}).error(), LayoutError::kRegionSize);
  EXPECT_EQ(plan_layout({.region_size = 4096}).error(), LayoutError::kRegionSize);
  EXPECT_EQ(plan_layout({.region_size = 256 << 10}).error(), LayoutError::kRegionSize);
  EXPECT_EQ(plan_layout({.region_size = kBytes, .private_size = UINT64_MAX}).error(),
            LayoutError::kRegionSize);
  EXPECT_EQ(plan_layout({.region_size = kBytes, .vq_notif = 3}).error(), LayoutError::kVqNotif);
  EXPECT_EQ(plan_layout({.region_size = kBytes, .num_elements = 1}).error(),
            LayoutError::kNumElements);
}

struct Damage {
  const char* name;
  LayoutError error;
  std::function<void(Page0&)> change;
};

void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

const std::vector<Damage>& damages() {
  using enum LayoutError;
  static const std::vector<Damage> all{
      {"Magic", kMagic, [](Page0& p) { p.amp.magic = 0x4c4e; }},
      {"Version", kVersion, [](Page0& p) { p.amp.version = 2; }},
      {"LengthShort", kLength, [](Page0& p) { p.amp.length = 63; }},
      {"LengthBeyondPage", kLength, [](Page0& p) { p.amp.length = 4097; }},
      {"Reserved", kReserved, [](Page0& p) { p.amp.reserved = 1; }},
      {"Features", kFeatures, [](Page0& p) { p.amp.features = 2; }},
      {"NumNotifZero", kNumNotif, [](Page0& p) { p.amp.num_notif = 0; }},
      {"NumNotif65", kNumNotif, [](Page0& p) { p.amp.num_notif = 65; }},
      {"VqNotifZero", kVqNotif, [](Page0& p) { p.amp.vq_notif = 0; }},
      {"VqNotif3", kVqNotif, [](Page0& p) { p.amp.vq_notif = 3; }},
      {"VqNotif32", kVqNotif, [](Page0& p) { p.amp.vq_notif = 32; }},
      {"OneElement", kNumElements, [](Page0& p) { p.amp.num_elements = 1; }},
      {"ElementSmall", kElementSize, [](Page0& p) { p.amp.element_size = 56; }},
      {"ElementOdd", kElementSize, [](Page0& p) { p.amp.element_size = 324; }},
      {"NotifMissing", kAreaMissing, [](Page0& p) { p.amp.dev_notif_off = 0; }},
      {"DriverHeadMissing", kAreaMissing, [](Page0& p) { p.amp.drv_head_off = 0; }},
      {"SideMissing", kAreaMissing, [](Page0& p) { p.stratos.drv_side_off = 0; }},
      {"Misaligned", kAreaAlignment, [](Page0& p) { p.amp.dev_head_off += 4; }},
      {"SideMisaligned", kAreaAlignment, [](Page0& p) { p.stratos.dev_side_off += 2; }},
      {"InPage0", kAreaBounds, [](Page0& p) { p.amp.dev_head_off = 4088; }},
      {"Outside", kAreaBounds, [](Page0& p) { p.amp.drv_elements_off = kBytes - 64; }},
      {"FarOutside", kAreaBounds, [](Page0& p) { p.amp.drv_elements_off = ~0ULL - 7; }},
      {"PrivateWraps", kAreaBounds, [](Page0& p) { p.stratos.dev_private_size = ~0ULL - 4095; }},
      {"PoolOutside", kAreaBounds, [](Page0& p) { p.stratos.pool_size += 4096; }},
      {"ElementsGrow", kAreaOverlap, [](Page0& p) { p.amp.num_elements = 64; }},
      {"HeadsCoincide", kAreaOverlap, [](Page0& p) { p.amp.drv_head_off = p.amp.dev_head_off; }},
      {"PoolOverPrivate", kAreaOverlap,
       [](Page0& p) { p.stratos.pool_off = p.stratos.dev_private_off; }},
      {"SideInElements", kAreaOverlap,
       [](Page0& p) { p.stratos.drv_side_off = p.amp.dev_elements_off + 64; }},
      {"ExtensionVersion", kExtensionVersion, [](Page0& p) { p.stratos.version = 2; }},
      {"ExtensionShort", kExtensionLength, [](Page0& p) { p.stratos.length = 63; }},
      {"RegionLarger", kExtensionSize, [](Page0& p) { p.stratos.region_size = kBytes + 1; }},
      {"PoolMisaligned", kPoolAlignment, [](Page0& p) { p.stratos.pool_off += 8; }},
  };
  return all;
}

class AmpLayoutDamage : public testing::TestWithParam<Damage> {};

TEST_P(AmpLayoutDamage, IsFound) {
  auto region = good_region();
  Page0 page;
  std::memcpy(&page, region.data(), sizeof(page));
  GetParam().change(page);
  std::memcpy(region.data(), &page, sizeof(page));
  const auto layout = read_layout(region);
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error(), GetParam().error) << to_string(layout.error());
}

INSTANTIATE_TEST_SUITE_P(All, AmpLayoutDamage, testing::ValuesIn(damages()),
                         [](const auto& damage) { return std::string(damage.param.name); });

TEST(AmpLayoutTest, StandardPartAloneIsALayout) {
  auto region = good_region();
  Page0 page;
  std::memcpy(&page, region.data(), sizeof(page));
  page.stratos.magic = 0;
  std::memcpy(region.data(), &page, sizeof(page));
  const auto layout = read_layout(region);
  ASSERT_TRUE(layout);
  EXPECT_FALSE(layout->extended);
  EXPECT_EQ(layout->region_size, kBytes);
}

TEST(AmpLayoutTest, MaskWordsTakeRoom) {
  auto region = good_region();
  Page0 page;
  std::memcpy(&page, region.data(), sizeof(page));
  page.amp.features = VIRTIO_MSG_AMP_F_MASKED;
  // Room for them: the words move behind everything else of their side.
  page.stratos.pool_size -= 8192;
  page.amp.dev_notif_off = kBytes - 8192;
  page.amp.drv_notif_off = kBytes - 4096;
  std::memcpy(region.data(), &page, sizeof(page));
  const auto layout = read_layout(region);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->device.notif.size, 3U * 4 * 8);
}

TEST(AmpLayoutTest, TinyMemoryIsNotRead) {
  const std::vector<std::byte> tiny(64);
  EXPECT_EQ(read_layout(tiny).error(), LayoutError::kRegionSize);
}

}  // namespace
}  // namespace stratos::virtio
