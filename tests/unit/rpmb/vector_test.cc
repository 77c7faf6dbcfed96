// SPDX-License-Identifier: Apache-2.0
// Byte vectors that were computed elsewhere, with another implementation.

#include <gtest/gtest.h>

#include <functional>
#include <string_view>

#include "rpmb/rpmb_rig.h"

namespace stratos::test {
namespace {

std::string last_mac(const Frames& frames) { return hex(key_mac_in(frames.back())); }

constexpr std::string_view kWriteMac =
    "7588c96627801d4ffbffd7a646c703e3e7b0011718d7b307933ada7e56f6c766";
constexpr std::string_view kWriteResponseMac =
    "f2826532df1ac0cf33f75f4879b2423ea01c729b95ec4b0bb6b335c21f0878e5";
constexpr std::string_view kReadResponseMac =
    "cddb588b97c54754f1231c306117652bacee006345409ddd9db77027ffc9986a";
constexpr std::string_view kTwoBlockWriteMac =
    "b9b304f74403b2e19dd9072cea5220dbb563789646ac0c42d8d9341726c7f4d8";

TEST(RpmbVectors, TheTestsMakeTheRequestsOfTheVectors) {
  EXPECT_EQ(last_mac(write_data(0, 0, 1, 0xa5)), kWriteMac);
  EXPECT_EQ(last_mac(write_data(1, 4, 2, 1)), kTwoBlockWriteMac);
}

TEST(RpmbVectors, MacsOfResponsesWithBlockCountZero) {
  EXPECT_EQ(hex(mac_of({make_frame({.type = 0x0300, .count = 0, .counter = 1})}, test_key())),
            "3436db134df3c3548aa7f81a117685e78210aa6a5871ca998cc786d52dfa464f");
  EXPECT_EQ(hex(mac_of({make_frame({.type = 0x0200, .count = 0, .counter = 1, .nonce = 0x11})},
                       test_key())),
            "10258da9e883ea7852fd290da14c50793468a005d07a63ad9eb0abf9b1109ec1");
}

TEST(RpmbVectors, TheDeviceTakesAndMakesThem) {
  RpmbRig rig;
  rig.program();
  const Frames written = rig.ask(with_result(write_data(0, 0, 1, 0xa5)));
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(last_mac(written), kWriteResponseMac);

  const Frames read = rig.ask(read_data(0, 2, 0x22), 2);
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(hex(key_mac_in(read[0])), hex(Secret{})) << "only the last frame has the MAC";
  EXPECT_EQ(last_mac(read), kReadResponseMac);

  const Look two = rig.ask_one(with_result(write_data(1, 4, 2, 1)));
  EXPECT_EQ(two, (Look{.type = 0x0300, .address = 4, .counter = 2}));
}

// Offsets by hand, byte by byte.
TEST(RpmbVectors, AFrameLiesAsTheSpecificationSays) {
  std::array<std::byte, rpmb::kFrameSize> frame;
  frame.fill(std::byte{0xee});
  rpmb::Fields fields{.write_counter = 0x01020304,
                      .address = 0x0506,
                      .block_count = 0x0708,
                      .result = 0x090a,
                      .type = 0x0b0c};
  fields.nonce.fill(std::byte{0x55});
  Block block;
  block.fill(std::byte{0x66});
  rpmb::format_frame(fields, block, frame);
  rpmb::set_mac(filled(0x77), frame);
  const auto expected = [](size_t i) -> unsigned {
    if (i < 196) return 0;
    if (i < 228) return 0x77;
    if (i < 484) return 0x66;
    if (i < 500) return 0x55;
    return static_cast<unsigned>(i - 499);
  };
  for (size_t i = 0; i < frame.size(); ++i) {
    EXPECT_EQ(std::to_integer<unsigned>(frame[i]), expected(i)) << "byte " << i;
  }
  const rpmb::Fields back = rpmb::fields_of(frame);
  EXPECT_EQ(back.write_counter, fields.write_counter);
  EXPECT_EQ(back.address, fields.address);
  EXPECT_EQ(back.block_count, fields.block_count);
  EXPECT_EQ(back.result, fields.result);
  EXPECT_EQ(back.type, fields.type);
  EXPECT_EQ(back.nonce, fields.nonce);
  EXPECT_EQ(rpmb::authenticated_part(frame).size(), 284U);
}

TEST(RpmbVectors, ConfigurationSpace) {
  struct Case {
    uint32_t blocks;
    unsigned capacity;
  };
  for (const Case& row : {Case{512, 1}, Case{4096, 8}, Case{65536, 0x80}}) {
    const RpmbRig rig(
        {.device = {.max_write_blocks = 7, .max_read_blocks = 9}, .blocks = row.blocks});
    EXPECT_EQ(rig.device->type().device_id, 28U);
    EXPECT_EQ(rig.device->type().config_size, 3U);
    ASSERT_EQ(rig.device->type().max_queue_sizes.size(), 1U);
    EXPECT_EQ(rig.device->features(), 0U);
    std::array<std::byte, 3> config{};
    rig.device->read_config(0, config);
    EXPECT_EQ(std::to_integer<unsigned>(config[0]), row.capacity);
    EXPECT_EQ(std::to_integer<unsigned>(config[1]), 7U);
    EXPECT_EQ(std::to_integer<unsigned>(config[2]), 9U);
    std::array<std::byte, 1> last{};
    rig.device->read_config(2, last);
    EXPECT_EQ(std::to_integer<unsigned>(last[0]), 9U);
  }
}

TEST(RpmbVectors, ConfigurationSpaceIsReadOnly) {
  RpmbRig rig;
  const std::array<std::byte, 1> byte{std::byte{5}};
  EXPECT_FALSE(rig.device->write_config(0, byte));
}

}  // namespace
}  // namespace stratos::test
