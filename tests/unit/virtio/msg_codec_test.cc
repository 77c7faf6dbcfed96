// SPDX-License-Identifier: Apache-2.0
// Every message, byte by byte, as Documentation/transport.rst and the header file say.

#include "virtio/msg_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace stratos::virtio {
namespace {

std::vector<std::byte> from_hex(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (size_t at = 0; at < hex.size();) {
    if (hex[at] == ' ') {
      ++at;
      continue;
    }
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(at, 2), nullptr, 16)));
    at += 2;
  }
  return bytes;
}

std::string to_hex(std::span<const std::byte> bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string hex;
  for (const std::byte byte : bytes) {
    hex += kDigits[static_cast<unsigned>(byte) >> 4];
    hex += kDigits[static_cast<unsigned>(byte) & 15];
  }
  return hex;
}

// What the spans of a payload point to.
const auto kBytes = from_hex("a1 a2 a3 a4 a5 a6 a7 a8");
std::span<const std::byte> data(size_t size) { return std::span(kBytes).first(size); }

struct Golden {
  std::string name;
  WireLayout layout;
  MessageHeader header;
  std::string hex;
  // Encodes the value of the vector, and decodes and encodes the bytes again.
  std::function<size_t(std::span<std::byte>, const Golden&)> encode_value;
  std::function<std::vector<std::byte>(std::span<const std::byte>, const Golden&)> round_trip;
};

void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.name; }

template <typename Payload>
Golden golden(std::string name, WireLayout layout, MessageHeader header, const Payload& value,
              std::string hex) {
  return {std::move(name),
          layout,
          header,
          std::move(hex),
          [value](std::span<std::byte> into, const Golden& self) {
            return encode(into, self.header, value, self.layout);
          },
          [](std::span<const std::byte> payload, const Golden& self) -> std::vector<std::byte> {
            const auto decoded = decode<Payload>(payload, self.layout);
            if (!decoded) return {};
            std::vector<std::byte> bytes(256);
            bytes.resize(encode(bytes, self.header, *decoded, self.layout));
            return bytes;
          }};
}

MessageHeader request(uint8_t id) { return {.id = id, .device = 0x0102, .token = 0x0304}; }
MessageHeader response(uint8_t id) {
  return {.response = true, .id = id, .device = 0x0102, .token = 0x0304};
}
MessageHeader event(uint8_t id) { return {.id = id, .device = 0x0102}; }
MessageHeader bus(uint8_t id, bool answer = false) {
  return {.response = answer, .bus = true, .id = id, .token = 0x0304};
}

constexpr auto kL1 = WireLayout::kL1;
constexpr auto kL2 = WireLayout::kL2;

// What both layouts have in common.
std::vector<Golden> common(WireLayout layout, const std::string& suffix) {
  return {
      golden("GetDeviceInfo" + suffix, layout, request(2), NoPayload{}, "0002 0201 0403 0800"),
      golden("GetDeviceFeatures" + suffix, layout, request(3), FeatureRange{1, 2},
             "0003 0201 0403 1000 01000000 02000000"),
      golden("GetDeviceFeaturesResponse" + suffix, layout, response(3), Features{{1, 2}, data(8)},
             "0103 0201 0403 1800 01000000 02000000 a1a2a3a4 a5a6a7a8"),
      golden("SetDriverFeatures" + suffix, layout, request(4), Features{{0, 1}, data(4)},
             "0004 0201 0403 1400 00000000 01000000 a1a2a3a4"),
      golden("SetDriverFeaturesResponse" + suffix, layout, response(4), NoPayload{},
             "0104 0201 0403 0800"),
      golden("GetConfig" + suffix, layout, request(5), GetConfig{0x10, 4},
             "0005 0201 0403 1000 10000000 04000000"),
      golden("GetConfigResponse" + suffix, layout, response(5), ConfigData{7, 0x10, data(3)},
             "0105 0201 0403 1700 07000000 10000000 03000000 a1a2a3"),
      golden("SetConfig" + suffix, layout, request(6), ConfigData{0, 2, data(2)},
             "0006 0201 0403 1600 00000000 02000000 02000000 a1a2"),
      golden("SetConfigRejected" + suffix, layout, response(6), ConfigData{9, 2, {}},
             "0106 0201 0403 1400 09000000 02000000 00000000"),
      golden("GetDeviceStatus" + suffix, layout, request(7), NoPayload{}, "0007 0201 0403 0800"),
      golden("GetDeviceStatusResponse" + suffix, layout, response(7), Status{0x4f},
             "0107 0201 0403 0c00 4f000000"),
      golden("SetDeviceStatus" + suffix, layout, request(8), Status{0x0f},
             "0008 0201 0403 0c00 0f000000"),
      golden("GetVqueue" + suffix, layout, request(9), QueueIndex{2},
             "0009 0201 0403 0c00 02000000"),
      golden("SetVqueueResponse" + suffix, layout, response(10), NoPayload{},
             "010a 0201 0403 0800"),
      golden("ResetVqueue" + suffix, layout, request(11), QueueIndex{1},
             "000b 0201 0403 0c00 01000000"),
      golden("GetShm" + suffix, layout, request(12), GetShm{0x80}, "000c 0201 0403 0c00 80000000"),
      golden("EventConfig" + suffix, layout, event(0x40), ConfigEvent{0x0f, 5, 0, data(2)},
             "0040 0201 0000 1a00 0f000000 05000000 00000000 02000000 a1a2"),
      golden("EventAvail" + suffix, layout, event(0x41), AvailEvent{1, 0x80000002},
             "0041 0201 0000 1000 01000000 02000080"),
      golden("EventUsed" + suffix, layout, event(0x42), UsedEvent{3},
             "0042 0201 0000 0c00 03000000"),
      golden("GetDevices" + suffix, layout, bus(2), GetDevices{8, 64},
             "0202 0000 0403 0c00 0800 4000"),
      golden("Ping" + suffix, layout, bus(3), Ping{0x11223344}, "0203 0000 0403 0c00 44332211"),
      golden("PingResponse" + suffix, layout, bus(3, true), Ping{0x11223344},
             "0303 0000 0403 0c00 44332211"),
      golden("EventDevice" + suffix, layout, {.bus = true, .id = 0x40}, DeviceEvent{5, 2},
             "0240 0000 0000 0c00 0500 0200"),
  };
}

std::vector<Golden> vectors() {
  std::vector<Golden> all = common(kL1, "L1");
  for (Golden& one : common(kL2, "L2")) all.push_back(std::move(one));
  DeviceInfo info{.device_id = 36,
                  .vendor_id = 0x53545253,
                  .feature_blocks = 2,
                  .config_size = 2,
                  .max_queues = 3,
                  .admin_queue_start = 0x10,
                  .admin_queue_count = 1};
  all.push_back(
      golden("GetDeviceInfoResponseL1", kL1, response(2), info,
             "0102 0201 0403 2000 24000000 53525453 40000000 02000000 03000000 1000 0100"));
  for (uint8_t i = 0; i < 16; ++i) info.uuid[i] = std::byte{i};
  all.push_back(golden("GetDeviceInfoResponseL2", kL2, response(2), info,
                       "0102 0201 0403 3400 24000000 53525453 000102030405060708090a0b0c0d0e0f"
                       "02000000 02000000 03000000 10000000 01000000"));
  QueueInfo queue{1, 256, 64, false, 0x1000, 0x2000, 0x0000000300000000};
  const std::string areas = "0010000000000000 0020000000000000 0000000003000000";
  all.push_back(golden("GetVqueueResponseL1", kL1, response(9), queue,
                       "0109 0201 0403 3000 01000000 00010000 40000000 00000000" + areas));
  queue.enabled = true;
  all.push_back(golden("GetVqueueResponseL2", kL2, response(9), queue,
                       "0109 0201 0403 3000 01000000 00010000 40000000 01000000" + areas));
  SetQueue set{1, true, 64, 0x1000, 0x2000, 0x0000000300000000};
  all.push_back(golden("SetVqueueL1", kL1, request(10), set,
                       "000a 0201 0403 3000 01000000 00000000 40000000 00000000" + areas));
  all.push_back(golden("SetVqueueL2", kL2, request(10), set,
                       "000a 0201 0403 3000 01000000 01000000 40000000 00000000" + areas));
  set.enable = false;
  all.push_back(golden("SetVqueueDisabledL2", kL2, request(10), set,
                       "000a 0201 0403 3000 01000000 00000000 40000000 00000000" + areas));
  const ShmInfo shm{0x80, 0x10000, 0x42000};
  all.push_back(golden("GetShmResponseL1", kL1, response(12), shm,
                       "010c 0201 0403 1400 80000000 00000100 00200400"));
  all.push_back(golden("GetShmResponseL2", kL2, response(12), shm,
                       "010c 0201 0403 2000 80000000 00000000 0000010000000000 0020040000000000"));
  const DeviceWindow window{8, 24, 16, data(2)};
  all.push_back(golden("GetDevicesResponseL1", kL1, bus(2, true), window,
                       "0302 0000 0403 1000 0800 1000 1800 a1a2"));
  all.push_back(golden("GetDevicesResponseL2", kL2, bus(2, true), window,
                       "0302 0000 0403 1000 0800 1800 1000 a1a2"));
  return all;
}

class MsgCodecGolden : public testing::TestWithParam<Golden> {};

TEST_P(MsgCodecGolden, EncodesToTheseBytes) {
  std::vector<std::byte> bytes(256, std::byte{0xee});
  const size_t size = GetParam().encode_value(bytes, GetParam());
  EXPECT_EQ(to_hex(std::span(bytes).first(size)), to_hex(from_hex(GetParam().hex)));
  EXPECT_EQ(bytes[size], std::byte{0xee}) << "wrote beyond the message";
}

TEST_P(MsgCodecGolden, DecodesFromTheseBytes) {
  auto bytes = from_hex(GetParam().hex);
  MessageHeader expected = GetParam().header;
  expected.size = static_cast<uint16_t>(bytes.size());
  EXPECT_EQ(decode_header(bytes), expected);
  const std::span payload = std::span(bytes).subspan(kMessageHeaderSize);
  EXPECT_EQ(to_hex(GetParam().round_trip(payload, GetParam())), to_hex(bytes));
  bytes.push_back(std::byte{0x55});
  EXPECT_EQ(to_hex(GetParam().round_trip(std::span(bytes).subspan(kMessageHeaderSize), GetParam())),
            to_hex(from_hex(GetParam().hex)))
      << "longer payloads are accepted";
}

TEST_P(MsgCodecGolden, EveryShorterPayloadIsRefused) {
  const auto bytes = from_hex(GetParam().hex);
  const std::span payload = std::span(bytes).subspan(kMessageHeaderSize);
  for (size_t size = 0; size < payload.size(); ++size) {
    EXPECT_TRUE(GetParam().round_trip(payload.first(size), GetParam()).empty()) << size;
  }
}

TEST_P(MsgCodecGolden, EverySmallerBufferIsRefused) {
  const size_t needed = from_hex(GetParam().hex).size();
  std::vector<std::byte> bytes(needed);
  for (size_t size = 0; size < needed; ++size) {
    EXPECT_EQ(GetParam().encode_value(std::span(bytes).first(size), GetParam()), 0U) << size;
  }
}

TEST_P(MsgCodecGolden, TableAgrees) {
  const MessageHeader& header = GetParam().header;
  const MessageKind* kind = find_message(header.bus, header.id);
  ASSERT_NE(kind, nullptr);
  const size_t payload = from_hex(GetParam().hex).size() - kMessageHeaderSize;
  const size_t least =
      header.response ? kind->response_size[GetParam().layout == kL1 ? 0 : 1] : kind->request_size;
  EXPECT_GE(payload, least);
  EXPECT_EQ(kind->event(), (header.id & 0x40) != 0);
}

INSTANTIATE_TEST_SUITE_P(All, MsgCodecGolden, testing::ValuesIn(vectors()),
                         [](const auto& vector) { return vector.param.name; });

TEST(MsgCodecTest, EveryMessageHasAVector) {
  std::set<std::pair<bool, uint8_t>> covered;
  for (const Golden& vector : vectors()) covered.insert({vector.header.bus, vector.header.id});
  for (const MessageKind& kind : message_kinds()) {
    EXPECT_TRUE(covered.contains({kind.bus, kind.id})) << kind.name;
  }
  EXPECT_EQ(find_message(false, 0), nullptr);
  EXPECT_EQ(find_message(true, VIRTIO_MSG_GET_SHM), nullptr);
}

TEST(MsgCodecTest, LengthsOfThePeerAreNotBelieved) {
  const auto huge = from_hex("00000000 ffffffff a1a2a3a4");
  EXPECT_FALSE(decode<Features>(huge, kL2));
  const auto config = from_hex("00000000 00000000 05000000 a1a2a3a4");
  EXPECT_FALSE(decode<ConfigData>(config, kL2));
}

TEST(MsgCodecTest, UnknownTypeBitsAreIgnored) {
  const auto bytes = from_hex("fd 07 0201 0403 0800");
  const MessageHeader header = decode_header(bytes);
  EXPECT_TRUE(header.response);
  EXPECT_FALSE(header.bus);
}

TEST(MsgCodecTest, WhatDoesNotFitIntoL1Saturates) {
  std::vector<std::byte> bytes(64);
  const size_t size =
      encode(bytes, response(12), ShmInfo{0x80, uint64_t{1} << 32, uint64_t{1} << 40}, kL1);
  const auto shm = decode<ShmInfo>(std::span(bytes).first(size).subspan(kMessageHeaderSize), kL1);
  ASSERT_TRUE(shm);
  EXPECT_EQ(shm->length, 0xffffffffU);
  EXPECT_EQ(shm->address, 0xffffffffU);
}

}  // namespace
}  // namespace stratos::virtio
