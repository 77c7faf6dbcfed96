// SPDX-License-Identifier: Apache-2.0
// stratosd is killed at any instant, again and again, while a vhost-user front-end keeps 32
// requests under way. Each is answered once, and nobody sees an error.

#include <gtest/gtest.h>
#include <linux/virtio_can.h>
#include <linux/virtio_rpmb.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <functional>
#include <memory>
#include <random>

#include "restart/can_load.h"
#include "restart/rpmb_load.h"
#include "rpmb/rpmb_frames.h"
#include "stratosd/notified_process.h"
#include "stratosd/subprocess.h"
#include "vhost_user_front.h"
#include "virtio/endian.h"
#include "virtio/features.h"

namespace stratos::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How often; the long run has all of the 500.
unsigned kills() {
  const char* text = std::getenv("STRATOS_KILLS");
  return text == nullptr ? 5 : static_cast<unsigned>(std::atoi(text));
}

// What the front-end has of what vhost-user offers.
struct FrontEnd {
  const char* name;
  bool packed = false;
  bool inflight = true;  // it keeps the record of what is under way, or else stratosd's state file
};

class VhostUserKillTest : public ::testing::TestWithParam<FrontEnd> {
 protected:
  // With these [[link]]s and what `config` says besides.
  void start_daemon(const std::vector<std::string>& links, const std::string& config) {
    std::ofstream file(scratch_.file("stratosd.toml"));
    file << "[stratosd]\ncontrol_socket = \"" << scratch_.file("control") << "\"\n" << config;
    for (const std::string& link : links) {
      file << "[[link]]\nname = \"" << link << "\"\ntype = \"vhost-user\"\nsocket = \""
           << socket(link) << "\"\nring = \"" << (GetParam().packed ? "packed" : "split") << "\"\n";
    }
    file.close();
    restart_daemon();
  }
  void restart_daemon() {
    daemon_.reset();
    daemon_ = std::make_unique<NotifiedProcess>(
        scratch_, "stratosd",
        std::vector<std::string>{STRATOSD_PATH, "--config", scratch_.file("stratosd.toml")});
    ASSERT_TRUE(daemon_->ready()) << daemon_->log();
  }

  struct Front {
    std::string link;
    VhostUserFront front;
  };
  VhostUserFront& connect(const std::string& link, uint16_t queues) {
    fronts_.push_back(
        {link, VhostUserFront(VhostUserChannel::connect(socket(link)),
                              {.queues = queues,
                               .features = ~(GetParam().packed ? 0 : virtio::kFeatureRingPacked),
                               .protocol_features =
                                   ~(GetParam().inflight ? 0 : vhost_user::kInflightShmfd)})});
    VhostUserFront& front = fronts_.back().front;
    EXPECT_EQ((front.features() & virtio::kFeatureRingPacked) != 0, GetParam().packed);
    EXPECT_EQ((front.protocol_features() & vhost_user::kInflightShmfd) != 0, GetParam().inflight);
    EXPECT_TRUE(front.status().value_or(0) & virtio::kStatusDriverOk);
    return front;
  }

  // Works until each kill, and goes on behind it.
  void work_through_kills(const std::function<void()>& work) {
    std::mt19937_64 random(1);
    constexpr unsigned kLongestUs = 20'000;
    for (unsigned kill = 0; kill < kills() && !HasFailure(); ++kill) {
      SCOPED_TRACE(kill);
      const auto instant = steady_clock::now() + microseconds(random() % kLongestUs);
      while (steady_clock::now() < instant) work();
      daemon_->process().signal(SIGKILL);
      restart_daemon();
      for (Front& each : fronts_)
        each.front.reconnect(VhostUserChannel::connect(socket(each.link)));
    }
  }

  // Works, without new requests, until `done`.
  void work_until(const std::function<void()>& work, const std::function<bool()>& done) {
    const auto deadline = steady_clock::now() + std::chrono::seconds(30);
    while (!done()) {
      work();
      ASSERT_LT(steady_clock::now(), deadline) << "not all is answered\n" << daemon_->log();
    }
  }

  // One request, whole.
  static Bytes ask(VhostUserFront& front, uint16_t queue, const Bytes& request,
                   uint32_t answer_size) {
    DriverMemory& memory = front.memory();
    const Buffer out{memory.allocate(request.size()), static_cast<uint32_t>(request.size())};
    const Buffer in{memory.allocate(answer_size), answer_size};
    std::ranges::copy(request, memory.at(out.address));
    DriverQueue& ring = front.queue(queue);
    ring.add(std::array{out}, std::array{in});
    ring.publish();
    ring.enable_notifications();
    front.kick_if_needed(queue);
    while (!ring.get_used()) {
      if (!front.wait_for_call(queue, milliseconds(5000))) throw std::runtime_error("no answer");
    }
    return {memory.at(in.address), memory.at(in.address) + answer_size};
  }

  static void start_controller(VhostUserFront& front) {
    Bytes start(sizeof(virtio_can_control_out));
    virtio::store_le<uint16_t>(start.data(), VIRTIO_CAN_SET_CTRL_MODE_START);
    EXPECT_EQ(ask(front, VIRTIO_CAN_QUEUE_CONTROL, start, 1).front(),
              std::byte{VIRTIO_CAN_RESULT_OK});
  }

  std::string socket(const std::string& link) const { return scratch_.file(link); }

  hub::ScratchDirectory scratch_;
  std::unique_ptr<NotifiedProcess> daemon_;
  std::deque<Front> fronts_;
};

TEST_P(VhostUserKillTest, EveryRpmbWriteIsExecutedAndAnsweredOnce) {
  const auto tool = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), STRATOS_RPMB_PATH);
    const auto result = run_program(arguments);
    ASSERT_EQ(result.exit_code, 0) << result.errors;
  };
  const std::string store = scratch_.file("store");
  const std::string anchor = scratch_.file("anchor");
  const std::string key = scratch_.file("key");
  tool({"generate-key", key});
  tool({"create", store, "--anchor", anchor, "--key-file", key, "--capacity", "128K"});
  start_daemon({"rpmb"},
               "[[device]]\nname = \"rpmb\"\nlink = \"rpmb\"\nnumber = 0\n"
               "type = \"rpmb\"\nstore = \"" +
                   store + "\"\nanchor = \"" + anchor + "\"\nkey_file = \"" + key + "\"\n");
  VhostUserFront& front = connect("rpmb", VIRTIO_RPMB_QUEUE_COUNT);
  const auto ask_frame = [&](const Frames& frames) {
    return look_at(to_frames(ask(front, 0, to_bytes(frames), sizeof(Frame))).front());
  };
  ask_frame(with_result(program_key()));
  RpmbLoad load(front.memory(), front.queue(0));
  work_through_kills([&] {
    load.reap();
    load.fill();
    front.kick_if_needed(0);
  });
  work_until([&] { load.reap(); }, [&] { return load.answered() == load.added(); });

  std::printf("%u kills, %lu writes\n", kills(), load.answered());
  EXPECT_EQ(ask_frame(get_counter()).counter, load.answered());
  for (uint16_t address = 0; address < RpmbLoad::kAddresses; ++address) {
    EXPECT_EQ(ask_frame(read_data(address, 1)).data, RpmbLoad::content(address, load.answered()))
        << "block " << address;
  }
}

TEST_P(VhostUserKillTest, EveryCanFrameIsAnsweredOnceAndNoneIsMissingAtTheListener) {
  std::string config = "[[bus]]\nname = \"bus\"\ntype = \"virtual\"\n";
  for (const std::string name : {"from", "to"}) {
    config += "[[device]]\nname = \"" + name + "\"\nlink = \"" + name +
              "\"\nnumber = 0\ntype = \"can\"\nbus = \"bus\"\n";
  }
  start_daemon({"from", "to"}, config);
  // In this order also behind each kill: a listener that is not there yet misses frames, as on any
  // other bus.
  VhostUserFront& to = connect("to", VIRTIO_CAN_QUEUE_COUNT);
  VhostUserFront& from = connect("from", VIRTIO_CAN_QUEUE_COUNT);
  CanListener listener(to.memory(), to.queue(VIRTIO_CAN_QUEUE_RX));
  start_controller(to);
  start_controller(from);
  CanLoad load(from.memory(), from.queue(VIRTIO_CAN_QUEUE_TX));
  const auto look = [&] {
    listener.listen();
    to.kick_if_needed(VIRTIO_CAN_QUEUE_RX);
    load.reap();
  };
  work_through_kills([&] {
    look();
    load.fill();
    from.kick_if_needed(VIRTIO_CAN_QUEUE_TX);
  });
  work_until(
      look, [&] { return load.answered() == load.added() && listener.expected() == load.added(); });
  std::printf("%u kills, %lu frames, %u times some came again\n", kills(), load.answered(),
              listener.jumps());
  EXPECT_LE(listener.jumps(), kills());
}

// Not packed rings without inflight memory: after each second lap they stand where a new driver's
// stand, and stratosd cannot tell a driver that goes on from one that begins.
INSTANTIATE_TEST_SUITE_P(
    FrontEnds, VhostUserKillTest,
    ::testing::Values(FrontEnd{.name = "Split"}, FrontEnd{.name = "Packed", .packed = true},
                      FrontEnd{.name = "SplitWithoutInflight", .inflight = false}),
    [](const auto& front) { return front.param.name; });

}  // namespace
}  // namespace stratos::test
