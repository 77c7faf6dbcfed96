// SPDX-License-Identifier: Apache-2.0
// What a right configuration means.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "config/size_text.h"
#include "config/suggestion.h"
#include "stratosd/config.h"

namespace stratos::daemon {
namespace {

constexpr const char* kEverything = R"(
[stratosd]
control_socket = "/tmp/c.sock"
poll_time_us = 20
hub_timeout_ms = 500
log_level = "debug"
user = "stratos"
group = "can"
sandbox = "log"

[[link]]
name = "guest-a"
type = "shm"
socket = "/run/stratos/a.device"
layout = "L1"
ring = "split"
peer_timeout_ms = 60_000

[[link]]
name = "stub"
type = "uio"
device = "/dev/uio0"

[[bus]]
name = "body"
type = "virtual"
bitrate = 500_000
data_bitrate = 2_000_000
replay = "/tmp/in.log"
replay_rounds = 0
record = "/tmp/out.log"

[[bus]]
name = "power"
type = "socketcan"
interface = "vcan0"

[[device]]
name = "a-body"
type = "can"
link = "guest-a"
number = 0
bus = "body"

[[device]]
name = "a-power"
type = "can"
link = "guest-a"
number = 1
bus = "power"
memory = "4M"
fd = false
rtr = false
late_tx_ack = false
tx_queue = 64
rx_queue = 1024

[[device]]
name = "stub-body"
type = "can"
link = "stub"
number = 0
bus = "body"
)";

TEST(Config, ReadsEveryKey) {
  const auto config = parse_config(kEverything, "f");
  ASSERT_TRUE(config.has_value()) << config.error()[0];
  EXPECT_EQ(config->daemon.control_socket, "/tmp/c.sock");
  EXPECT_EQ(config->daemon.poll_time, std::chrono::microseconds(20));
  EXPECT_EQ(config->daemon.hub_timeout, std::chrono::milliseconds(500));
  EXPECT_EQ(config->daemon.log_level, "debug");
  EXPECT_EQ(config->daemon.user, "stratos");
  EXPECT_EQ(config->daemon.group, "can");
  EXPECT_EQ(config->daemon.sandbox, Sandbox::kLog);

  ASSERT_EQ(config->links.size(), 2u);
  EXPECT_EQ(config->links[0].type, "shm");
  EXPECT_EQ(config->links[0].plan->endpoint().path, "/run/stratos/a.device");
  EXPECT_EQ(config->links[0].plan->options().dump(),
            R"({"layout":"L1","ring":"split","peer_timeout_ms":60000})");
  EXPECT_EQ(config->links[1].type, "uio");
  EXPECT_EQ(config->links[1].plan->endpoint().path, "/dev/uio0");
  EXPECT_EQ(config->links[1].plan->options().dump(),
            R"({"layout":"L2","ring":"packed","peer_timeout_ms":5000})");

  ASSERT_EQ(config->buses.size(), 2u);
  EXPECT_EQ(config->bus("body")->bitrate, 500'000u);
  EXPECT_EQ(config->bus("body")->data_bitrate, 2'000'000u);
  EXPECT_EQ(config->bus("body")->replay, "/tmp/in.log");
  EXPECT_EQ(config->bus("body")->replay_rounds, 0u);
  EXPECT_EQ(config->bus("body")->record, "/tmp/out.log");
  EXPECT_EQ(config->bus("power")->type, BusType::kSocketcan);
  EXPECT_EQ(config->bus("power")->interface, "vcan0");
  EXPECT_EQ(config->bus("none"), nullptr);

  ASSERT_EQ(config->devices.size(), 3u);
  EXPECT_EQ(config->devices[1].name, "a-power");
  EXPECT_EQ(config->devices[1].link, "guest-a");
  EXPECT_EQ(config->devices[1].number, 1);
  EXPECT_EQ(config->devices[1].memory, 4u << 20);
  EXPECT_EQ(config->devices[2].number, 0) << "a number is taken on its own link only";
}

TEST(Config, HasDefaults) {
  const auto config = parse_config("[[link]]\nname = \"a\"\ntype = \"uio\"\n", "f");
  ASSERT_TRUE(config.has_value()) << config.error()[0];
  EXPECT_EQ(config->daemon.control_socket, "/run/stratos/stratosd.sock");
  EXPECT_EQ(config->daemon.poll_time, std::chrono::microseconds(50));
  EXPECT_EQ(config->daemon.log_level, "info");
  EXPECT_EQ(config->daemon.user, "");
  EXPECT_EQ(config->daemon.sandbox, Sandbox::kKill);
  EXPECT_EQ(config->links[0].plan->endpoint().path, "auto");
  EXPECT_EQ(config->links[0].plan->options().dump(),
            R"({"layout":"L2","ring":"packed","peer_timeout_ms":5000})");
}

TEST(SizeText, ReadsUnitsAndNothingElse) {
  EXPECT_EQ(config::parse_size("1M"), 1u << 20);
  EXPECT_EQ(config::parse_size("64K"), 64u << 10);
  EXPECT_EQ(config::parse_size("2G"), 2ull << 30);
  EXPECT_EQ(config::parse_size("4097"), 4097u);
  EXPECT_EQ(config::parse_size("18446744073709551615"), UINT64_MAX);
  for (const char* bad : {"", "M", "1MB", "1m", "-1", "+1", " 1", "1 ", "0x10", "1.5M",
                          "18446744073709551616", "17179869184G"}) {
    EXPECT_EQ(config::parse_size(bad), std::nullopt) << bad;
  }
}

TEST(SizeText, WritesTheShortestExactForm) {
  EXPECT_EQ(config::format_size(0), "0");
  EXPECT_EQ(config::format_size(1 << 30), "1G");
  EXPECT_EQ(config::format_size(3 << 20), "3M");
  EXPECT_EQ(config::format_size(65 << 10), "65K");
  EXPECT_EQ(config::format_size(4097), "4097");
}

TEST(Suggestion, FindsTheNearestWordAndNoStrange) {
  constexpr std::string_view kWords[] = {"bitrate", "replay", "record", "fd"};
  EXPECT_EQ(config::nearest_word("bitrat", kWords), "bitrate");
  EXPECT_EQ(config::nearest_word("rpelay", kWords), "replay");
  EXPECT_EQ(config::nearest_word("recrod", kWords), "record");
  EXPECT_EQ(config::nearest_word("interface", kWords), "");
  EXPECT_EQ(config::nearest_word("xy", kWords), "") << "short words are not alike by accident";
}

}  // namespace
}  // namespace stratos::daemon
