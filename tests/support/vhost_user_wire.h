// SPDX-License-Identifier: Apache-2.0
// vhost-user as its specification has it, for front-ends in tests and benchmarks. Written from the
// specification alone and not shared with links/vhost_user: a number that is wrong there must not
// be wrong here, too.

#pragma once

#include <cstdint>

namespace stratos::test::vhost_user {

enum class Request : uint32_t {
  kGetFeatures = 1,
  kSetFeatures = 2,
  kSetOwner = 3,
  kSetMemTable = 5,
  kSetVringNum = 8,
  kSetVringAddr = 9,
  kSetVringBase = 10,
  kGetVringBase = 11,
  kSetVringKick = 12,
  kSetVringCall = 13,
  kSetVringErr = 14,
  kGetProtocolFeatures = 15,
  kSetProtocolFeatures = 16,
  kGetQueueNum = 17,
  kSetVringEnable = 18,
  kSetBackendReqFd = 21,
  kGetConfig = 24,
  kGetInflightFd = 31,
  kSetInflightFd = 32,
  kAddMemReg = 37,
  kSetStatus = 39,
  kGetStatus = 40,
};

// The virtio feature bit by which a back-end offers protocol features.
inline constexpr uint64_t kFeatureProtocolFeatures = uint64_t{1} << 30;

// Protocol features
inline constexpr uint64_t kMq = 1 << 0;
inline constexpr uint64_t kReplyAck = 1 << 3;
inline constexpr uint64_t kBackendReq = 1 << 5;
inline constexpr uint64_t kConfig = 1 << 9;
inline constexpr uint64_t kInflightShmfd = 1 << 12;
inline constexpr uint64_t kConfigureMemSlots = 1 << 15;
inline constexpr uint64_t kStatus = 1 << 16;

// Header flags
inline constexpr uint32_t kVersion = 1;
inline constexpr uint32_t kVersionMask = 3;
inline constexpr uint32_t kReply = 1 << 2;
inline constexpr uint32_t kNeedReply = 1 << 3;

inline constexpr uint32_t kMaxPayload = 4096;

struct Header {
  uint32_t request;
  uint32_t flags;
  uint32_t size;
};
static_assert(sizeof(Header) == 12);

struct VringState {
  uint32_t index;
  uint32_t value;
};

struct VringAddress {
  uint32_t index;
  uint32_t flags;
  uint64_t desc;
  uint64_t used;
  uint64_t avail;
  uint64_t log;
};
static_assert(sizeof(VringAddress) == 40);

struct MemoryRegion {
  uint64_t guest;
  uint64_t size;
  uint64_t user;
  uint64_t offset;
};

// SET_MEM_TABLE with one region.
struct MemoryTable {
  uint32_t count;
  uint32_t padding;
  MemoryRegion region;
};
static_assert(sizeof(MemoryTable) == 40);

// ADD_MEM_REG
struct MemorySlot {
  uint64_t padding;
  MemoryRegion region;
};

struct ConfigHeader {
  uint32_t offset;
  uint32_t size;
  uint32_t flags;
};

struct [[gnu::packed]] InflightArea {
  uint64_t size;
  uint64_t offset;
  uint16_t queues;
  uint16_t queue_size;
};
static_assert(sizeof(InflightArea) == 20);

}  // namespace stratos::test::vhost_user
