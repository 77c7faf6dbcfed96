// SPDX-License-Identifier: Apache-2.0
// What a front-end must not say. It loses its session, and the next one is served.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <functional>

#include "drain.h"
#include "vhost_user/link_rig.h"

namespace stratos::links::vhost_user {
namespace {

constexpr uint32_t kLastRequest = 64;  // beyond all that there are

Bytes table_of(const std::vector<Region>& regions, uint32_t count) {
  Bytes payload = state(count, 0);
  for (const Region& region : regions) {
    const Bytes bytes = bytes_of(region);
    payload.insert(payload.end(), bytes.begin(), bytes.end());
  }
  return payload;
}

Bytes inflight(uint64_t size, uint64_t offset, uint16_t queues, uint16_t queue_size) {
  Bytes payload(24);
  std::memcpy(payload.data(), &size, sizeof(size));
  std::memcpy(payload.data() + 8, &offset, sizeof(offset));
  std::memcpy(payload.data() + 16, &queues, sizeof(queues));
  std::memcpy(payload.data() + 18, &queue_size, sizeof(queue_size));
  return payload;
}

class HostileFrontEndTest : public LinkTest {
 protected:
  // A guest that works, after whatever happened before.
  void expect_served() {
    GuestMemory memory(1 << 20);
    FrontEnd front(*loop_, path_);
    front.come_up(memory, kSplit, kAllProtocol);
    EXPECT_EQ(front.echo("still here"), "still here");
  }
  void expect_thrown_out(FrontEnd& front, uint64_t times = 1) {
    EXPECT_TRUE(front.hung_up());
    EXPECT_EQ(back_->link->counters().thrown_out, times);
  }
};

TEST_F(HostileFrontEndTest, EveryRequestOfAnotherSize) {
  uint64_t times = 0;
  for (uint32_t id = 0; id <= kLastRequest; ++id) {
    const MessageShape* shape = shape_of(id);
    if (shape == nullptr) continue;
    std::vector<size_t> sizes{size_t{shape->max_size} + 4};
    if (shape->min_size != 0) sizes.push_back(shape->min_size - 4U);
    for (const size_t size : sizes) {
      SCOPED_TRACE(std::string(shape->name) + " of " + std::to_string(size));
      FrontEnd front(*loop_, path_);
      front.negotiate(kSplit, kProtocolFeatures);
      front.send(shape->request, Bytes(size));
      expect_thrown_out(front, ++times);
    }
  }
  expect_served();
}

TEST_F(HostileFrontEndTest, EveryRequestWithTooManyDescriptors) {
  uint64_t times = 0;
  for (uint32_t id = 0; id <= kLastRequest; ++id) {
    const MessageShape* shape = shape_of(id);
    if (shape == nullptr) continue;
    SCOPED_TRACE(shape->name);
    FrontEnd front(*loop_, path_);
    front.negotiate(kSplit, kProtocolFeatures);
    front.send(shape->request, Bytes(shape->min_size),
               std::vector<int>(shape->max_fds + 1U, STDIN_FILENO));
    expect_thrown_out(front, ++times);
  }
  expect_served();
}

TEST_F(HostileFrontEndTest, EveryRequestThatNeedsAFeatureWithoutIt) {
  for (uint32_t id = 0; id <= kLastRequest; ++id) {
    const MessageShape* shape = shape_of(id);
    if (shape == nullptr || !shape->feature) continue;
    SCOPED_TRACE(shape->name);
    FrontEnd front(*loop_, path_);
    front.negotiate(kSplit, kProtocolFeatures & ~bit_of(*shape->feature) &
                                ~bit_of(ProtocolFeature::kInbandNotifications));
    front.send(shape->request, Bytes(shape->min_size));
    EXPECT_TRUE(front.hung_up());
  }
  expect_served();
}

TEST_F(HostileFrontEndTest, EveryRingThatDoesNotExist) {
  for (const Request request :
       {Request::kSetVringNum, Request::kSetVringAddr, Request::kSetVringBase,
        Request::kGetVringBase, Request::kSetVringKick, Request::kSetVringCall,
        Request::kSetVringErr, Request::kSetVringEnable, Request::kVringKick}) {
    SCOPED_TRACE(shape_of(static_cast<uint32_t>(request))->name);
    FrontEnd front(*loop_, path_);
    front.negotiate(kSplit, kProtocolFeatures);
    Bytes payload(shape_of(static_cast<uint32_t>(request))->min_size);
    payload[0] = std::byte{2};
    const auto bell = runtime::EventFd::create();
    const bool is_bell = request == Request::kSetVringKick || request == Request::kSetVringCall ||
                         request == Request::kSetVringErr;
    front.send(request, payload, is_bell ? std::vector{bell->fd()} : std::vector<int>());
    EXPECT_TRUE(front.hung_up());
  }
  expect_served();
}

TEST_F(HostileFrontEndTest, AnUnknownRequestIsRefusedIfItCanBe) {
  FrontEnd front(*loop_, path_);
  front.negotiate(kSplit, kAllProtocol);
  EXPECT_EQ(front.acknowledged(static_cast<Request>(99)), false);
  front.settle();
  front.send(static_cast<Request>(99));
  expect_thrown_out(front);
}

TEST_F(HostileFrontEndTest, BytesThatAreNoHeader) {
  const std::vector<std::array<uint32_t, 3>> kHeaders{
      {1, 0, 0},           // no version
      {1, 2, 0},           // another version
      {1, 5, 0},           // a reply
      {1, 1, 0xffffffff},  // more than anything
      {1, 1, 513},
  };
  uint64_t times = 0;
  for (const auto& header : kHeaders) {
    FrontEnd front(*loop_, path_);
    front.write(bytes_of(header));
    expect_thrown_out(front, ++times);
  }
  expect_served();
}

TEST_F(HostileFrontEndTest, AMessageMayComeInPieces) {
  FrontEnd front(*loop_, path_);
  const Bytes payload = word(kSplit & front.ask_word(Request::kGetFeatures));
  std::array<std::byte, kHeaderSize> head{};
  encode_header(head, {.request = static_cast<uint32_t>(Request::kSetFeatures), .size = 8});
  Bytes bytes(head.begin(), head.end());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  for (const std::byte byte : bytes) {
    front.write({byte});
    loop_->turn(false);
  }
  front.settle();
}

TEST_F(HostileFrontEndTest, WhoHangsUpWithinAMessageIsForgotten) {
  {
    FrontEnd front(*loop_, path_);
    front.write({std::byte{2}, std::byte{0}});
    loop_->turn(false);
  }
  expect_served();
}

// Refused where the front-end listens, and the end where it does not.
struct Refused {
  const char* name;
  Request request;
  std::function<Bytes(const GuestMemory&)> payload;
  enum class Fd : uint8_t { kNone, kMemory, kPipe, kTwoMemories } fd = Fd::kNone;
};

const std::vector<Refused> kRefused{
    {"FeaturesNotOffered", Request::kSetFeatures,
     [](const GuestMemory&) { return word(uint64_t{1} << 32 | 1 << 20); }},
    {"NoVersion1", Request::kSetFeatures, [](const GuestMemory&) { return word(1); }},
    {"FeaturesTheDeviceRefuses", Request::kSetFeatures,
     [](const GuestMemory&) {
       return word(uint64_t{1} << 32 | test::EchoDevice::kRefusedFeature);
     }},
    {"ProtocolNotOffered", Request::kSetProtocolFeatures,
     [](const GuestMemory&) { return word(uint64_t{1} << 40); }},
    {"InbandAlone", Request::kSetProtocolFeatures,
     [](const GuestMemory&) { return word(bit_of(ProtocolFeature::kInbandNotifications)); }},
    {"NoEntries", Request::kSetVringNum, [](const GuestMemory&) { return state(0, 0); }},
    {"TooManyEntries", Request::kSetVringNum, [](const GuestMemory&) { return state(0, 128); }},
    {"EnableTwice", Request::kSetVringEnable, [](const GuestMemory&) { return state(0, 2); }},
    {"RingOutsideMemory", Request::kSetVringAddr,
     [](const GuestMemory&) { return bytes_of(VringAddress{.index = 0, .desc = 4096}); }},
    {"BellIsAPipe", Request::kSetVringCall, [](const GuestMemory&) { return word(0); },
     Refused::Fd::kPipe},
    {"KickMustBePolled", Request::kSetVringKick,
     [](const GuestMemory&) { return word(VringFd::kNoFd); }},
    {"EmptyRegion", Request::kAddMemReg,
     [](const GuestMemory& m) {
       Region region = m.region();
       region.guest += 1 << 30;
       region.user += 1 << 30;
       region.size = 0;
       return slot(region);
     },
     Refused::Fd::kMemory},
    {"RegionBeyondItsFile", Request::kAddMemReg,
     [](const GuestMemory& m) {
       Region region = m.region();
       region.guest += 1 << 30;
       region.user += 1 << 30;
       region.offset = 1;
       return slot(region);
     },
     Refused::Fd::kMemory},
    {"RegionWithoutEnd", Request::kAddMemReg,
     [](const GuestMemory& m) {
       Region region = m.region();
       region.guest = UINT64_MAX - 4096;
       region.user += 1 << 30;
       return slot(region);
     },
     Refused::Fd::kMemory},
    {"RegionOverlapsGuest", Request::kAddMemReg,
     [](const GuestMemory& m) {
       Region region = m.region();
       region.user += 1 << 30;
       return slot(region);
     },
     Refused::Fd::kMemory},
    {"RegionOverlapsUser", Request::kAddMemReg,
     [](const GuestMemory& m) {
       Region region = m.region();
       region.guest += 1 << 30;
       return slot(region);
     },
     Refused::Fd::kMemory},
    {"RegionIsAPipe", Request::kAddMemReg,
     [](const GuestMemory& m) {
       Region region = m.region();
       region.guest += 1 << 30;
       region.user += 1 << 30;
       return slot(region);
     },
     Refused::Fd::kPipe},
    {"RegionWithoutFile", Request::kAddMemReg,
     [](const GuestMemory& m) { return slot(m.region()); }},
    {"NoSuchRegion", Request::kRemMemReg,
     [](const GuestMemory& m) {
       Region region = m.region();
       region.size -= 4096;
       return slot(region);
     }},
    {"TableOverlaps", Request::kSetMemTable,
     [](const GuestMemory& m) {
       return table_of({m.region(), m.region()}, 2);
     },
     Refused::Fd::kTwoMemories},
    {"InflightTooSmall", Request::kSetInflightFd,
     [](const GuestMemory&) { return inflight(2048, 0, 2, 64); }, Refused::Fd::kMemory},
    {"InflightBeyondItsFile", Request::kSetInflightFd,
     [](const GuestMemory&) { return inflight(1 << 20, 0xfff000, 2, 64); }, Refused::Fd::kMemory},
    {"InflightWithoutQueues", Request::kSetInflightFd,
     [](const GuestMemory&) { return inflight(1 << 20, 0, 0, 64); }, Refused::Fd::kMemory},
    {"InflightIsAPipe", Request::kSetInflightFd,
     [](const GuestMemory&) { return inflight(1 << 20, 0, 2, 64); }, Refused::Fd::kPipe},
    {"BackendChannelIsAPipe", Request::kSetBackendReqFd, [](const GuestMemory&) { return Bytes(); },
     Refused::Fd::kPipe},
    {"NoBackendChannel", Request::kSetBackendReqFd, [](const GuestMemory&) { return Bytes(); }},
    {"StatusThatIsNone", Request::kSetStatus, [](const GuestMemory&) { return word(0x100); }},
};

class RefusedTest : public HostileFrontEndTest, public testing::WithParamInterface<Refused> {
 protected:
  std::vector<int> fds() {
    switch (GetParam().fd) {
      case Refused::Fd::kMemory:
        return {memory_.fd()};
      case Refused::Fd::kTwoMemories:
        return {memory_.fd(), memory_.fd()};
      case Refused::Fd::kPipe:
        return {pipe_.get()};
      default:
        return {};
    }
  }
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    pipe_.reset(ends[0]);
    other_end_.reset(ends[1]);
  }

  runtime::UniqueFd pipe_;
  runtime::UniqueFd other_end_;
};

TEST_P(RefusedTest, IsRefusedWhereItIsHeard) {
  FrontEnd front(*loop_, path_);
  front.negotiate(kSplit, kAllProtocol);
  front.share(memory_);
  EXPECT_EQ(front.acknowledged(GetParam().request, GetParam().payload(memory_), fds()), false);
  front.settle();
  EXPECT_EQ(back_->link->counters().refused, 1u);
}

TEST_P(RefusedTest, EndsTheSessionOtherwise) {
  FrontEnd front(*loop_, path_);
  front.negotiate(kSplit, kAllProtocol & ~bit_of(ProtocolFeature::kReplyAck));
  front.share(memory_);
  front.send(GetParam().request, GetParam().payload(memory_), fds());
  expect_thrown_out(front);
  expect_served();
}

INSTANTIATE_TEST_SUITE_P(Requests, RefusedTest, testing::ValuesIn(kRefused),
                         [](const auto& kind) { return kind.param.name; });

TEST_F(HostileFrontEndTest, AMemoryTableThatIsNotAsLongAsItSays) {
  for (const uint32_t count : {0U, 2U, 9U}) {
    FrontEnd front(*loop_, path_);
    front.negotiate(kSplit, kAllProtocol);
    front.send(Request::kSetMemTable, table_of({memory_.region()}, count), {memory_.fd()});
    EXPECT_TRUE(front.hung_up());
  }
  expect_served();
}

TEST_F(HostileFrontEndTest, ABrokenRingBreaksItsDeviceAndIsSignalled) {
  FrontEnd front(*loop_, path_);
  front.come_up(memory_, kSplit, kAllProtocol);
  ASSERT_TRUE(front.echo("x"));
  // More available than there are entries.
  const uint16_t far = 1000;
  std::memcpy(memory_.driver().at(front.ring(0).queue->setup().driver + 2), &far, sizeof(far));
  front.ring(0).kick->ring();
  front.settle();
  loop_->turn(false);
  EXPECT_TRUE(test::drain(*front.ring(0).error));
  EXPECT_EQ(front.ask_word(Request::kGetStatus) & virtio::kStatusNeedsReset,
            virtio::kStatusNeedsReset);
  // A reset repairs it.
  front.stop_ring(0);
  front.stop_ring(1);
  front.set_status(0);
  EXPECT_EQ(front.ask_word(Request::kGetStatus), 0u);
  front.make_ring(0);
  front.make_ring(1);
  front.start_rings({0, 0});
  EXPECT_EQ(front.echo("again"), "again");
}

TEST_F(HostileFrontEndTest, WhoCutsOffItsMemoryLosesItsSession) {
  for (const bool ring : {true, false}) {
    GuestMemory memory(1 << 20);
    FrontEnd front(*loop_, path_);
    front.come_up(memory, kSplit, kAllProtocol);
    ASSERT_TRUE(front.echo("x"));
    front.submit("y");
    // The rings are at the beginning of the memory, a buffer of ours is at the end.
    ASSERT_EQ(ftruncate(memory.fd(), ring ? 0 : 4096), 0);
    front.ring(0).kick->ring();
    EXPECT_TRUE(front.hung_up());
  }
  EXPECT_EQ(back_->link->counters().thrown_out, 2u);
  expect_served();
}

TEST_F(HostileFrontEndTest, WhoReadsNoAnswersIsGivenUp) {
  FrontEnd front(*loop_, path_);
  for (int i = 0; i < 20000 && back_->link->counters().thrown_out == 0; ++i) {
    front.send(Request::kGetFeatures);
  }
  expect_served();
}

}  // namespace
}  // namespace stratos::links::vhost_user
