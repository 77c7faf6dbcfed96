// SPDX-License-Identifier: Apache-2.0
// The wire, byte by byte.

#include "links/vhost_user/messages.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace stratos::links::vhost_user {
namespace {

std::vector<std::byte> from_words(std::initializer_list<uint32_t> words) {
  std::vector<std::byte> bytes;
  for (const uint32_t word : words) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(std::byte(word >> shift & 0xff));
  }
  return bytes;
}

std::array<std::byte, kHeaderSize> header_of(uint32_t request, uint32_t flags, uint32_t size) {
  std::array<std::byte, kHeaderSize> bytes{};
  const auto words = from_words({request, flags, size});
  std::ranges::copy(words, bytes.begin());
  return bytes;
}

TEST(Messages, HeadersAreThreeWords) {
  const auto header = decode_header(header_of(5, 0x9, 40));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->request, 5u);
  EXPECT_TRUE(header->need_reply);
  EXPECT_FALSE(header->reply);
  EXPECT_EQ(header->size, 40u);

  std::array<std::byte, kHeaderSize> bytes{};
  encode_header(bytes, {.request = 24, .reply = true, .need_reply = false, .size = 14});
  EXPECT_EQ(bytes, header_of(24, 0x5, 14));
}

TEST(Messages, OtherVersionsAndSizesAreNoHeaders) {
  EXPECT_FALSE(decode_header(header_of(1, 0, 0)));
  EXPECT_FALSE(decode_header(header_of(1, 2, 0)));
  EXPECT_FALSE(decode_header(header_of(1, 1, kMaxPayload + 1)));
  EXPECT_TRUE(decode_header(header_of(1, 1, kMaxPayload)));
}

TEST(Messages, EachShapeIsThereOnce) {
  std::set<uint32_t> ids;
  for (uint32_t id = 0; id < 100; ++id) {
    const MessageShape* shape = shape_of(id);
    if (shape == nullptr) continue;
    EXPECT_EQ(static_cast<uint32_t>(shape->request), id);
    EXPECT_LE(shape->min_size, shape->max_size);
    EXPECT_LE(shape->max_size, kMaxPayload);
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 30u);
}

TEST(Messages, RingAddressesAreInTheOrderOfTheSpecification) {
  const auto address = decode_vring_address(from_words({1, 2, 3, 0, 4, 0, 5, 0, 6, 0}));
  EXPECT_EQ(address.index, 1u);
  EXPECT_EQ(address.flags, 2u);
  EXPECT_EQ(address.desc, 3u);
  EXPECT_EQ(address.used, 4u);
  EXPECT_EQ(address.avail, 5u);
  EXPECT_EQ(address.log, 6u);
}

TEST(Messages, BellsHaveAnIndexAndAFlag) {
  EXPECT_EQ(decode_vring_fd(from_words({7, 0})).index, 7u);
  EXPECT_FALSE(decode_vring_fd(from_words({7, 0})).no_fd);
  EXPECT_TRUE(decode_vring_fd(from_words({0x107, 0})).no_fd);
}

TEST(Messages, MemoryTablesAreAsLongAsTheySay) {
  const auto one = from_words({1, 0, 0x1000, 0, 0x2000, 0, 0x3000, 0, 0x4000, 0});
  const auto table = decode_memory_regions(one);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->regions[0].guest, 0x1000u);
  EXPECT_EQ(table->regions[0].size, 0x2000u);
  EXPECT_EQ(table->regions[0].user, 0x3000u);
  EXPECT_EQ(table->regions[0].offset, 0x4000u);
  auto two = one;
  two[0] = std::byte{2};
  EXPECT_FALSE(decode_memory_regions(two));
  two[0] = std::byte{0};
  EXPECT_FALSE(decode_memory_regions(two));
  two[0] = std::byte{9};
  EXPECT_FALSE(decode_memory_regions(two));
}

TEST(Messages, ConfigurationHasTheBytesItSays) {
  const auto range = decode_config_range(from_words({4, 8, 0, 1, 2}));
  ASSERT_TRUE(range);
  EXPECT_EQ(range->offset, 4u);
  EXPECT_EQ(range->bytes.size(), 8u);
  EXPECT_FALSE(decode_config_range(from_words({4, 4, 0, 1, 2})));
  EXPECT_FALSE(decode_config_range(from_words({4, 0xffffffff, 0, 1, 2})));
}

TEST(Messages, AnInflightAreaIsPaddedByWhoeverPads) {
  std::array<std::byte, 64> bytes{};
  EXPECT_EQ(
      encode_inflight_area(bytes, {.size = 4096, .offset = 64, .queues = 3, .queue_size = 256}),
      24u);
  const auto area = decode_inflight_area(std::span(bytes).first(20));
  EXPECT_EQ(area.size, 4096u);
  EXPECT_EQ(area.offset, 64u);
  EXPECT_EQ(area.queues, 3u);
  EXPECT_EQ(area.queue_size, 256u);
}

}  // namespace
}  // namespace stratos::links::vhost_user
