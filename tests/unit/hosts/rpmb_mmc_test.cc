// SPDX-License-Identifier: Apache-2.0
// An exchange with an eMMC: the commands of the ioctl, field by field, and the host around
// it with an ioctl of our own.

#include "hosts/rpmb_mmc.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <stdlib.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <future>
#include <semaphore>
#include <string>
#include <vector>

#include "hosts/rpmb_mmc/chip_limits.h"
#include "hosts/rpmb_mmc/commands.h"
#include "hosts/temporary_file.h"
#include "rpmb/rpmb_frames.h"
#include "runtime/test_loop.h"

namespace stratos::test {
namespace {

using hosts::RpmbMmc;
using runtime::make_loop;
using runtime::turn_until;

// ---- The commands ----

struct Command {
  const std::vector<std::byte>* data;
  uint32_t opcode;
  int write_flag;
  uint32_t blocks;
};

struct Row {
  std::string name;
  size_t write;  // frames
  size_t ask;
  size_t response;
  std::vector<Command> commands;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

const std::vector<std::byte> kWrite(8 * 512);
const std::vector<std::byte> kAsk(512);
std::vector<std::byte> kResponse(8 * 512);
constexpr int kReliable = static_cast<int>(0x80000001);

const Row kRows[] = {
    {"AnsweredWrite",
     4,
     1,
     1,
     {{&kWrite, 25, kReliable, 4}, {&kAsk, 25, 1, 1}, {&kResponse, 18, 0, 1}}},
    {"WriteAlone", 8, 0, 0, {{&kWrite, 25, kReliable, 8}}},
    {"Read", 0, 1, 8, {{&kAsk, 25, 1, 1}, {&kResponse, 18, 0, 8}}},
    {"Counter", 0, 1, 1, {{&kAsk, 25, 1, 1}, {&kResponse, 18, 0, 1}}},
};

class MmcCommands : public testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Exchanges, MmcCommands, testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST_P(MmcCommands, FieldByField) {
  const Row& row = GetParam();
  const rpmb_mmc::Commands commands =
      rpmb_mmc::commands_for({.write = std::span(kWrite).first(row.write * 512),
                              .ask = std::span(kAsk).first(row.ask * 512),
                              .response = std::span(kResponse).first(row.response * 512)});
  ASSERT_EQ(commands.count, row.commands.size());
  for (size_t i = 0; i < row.commands.size(); ++i) {
    const mmc_ioc_cmd& found = commands.list[i];
    const Command& wanted = row.commands[i];
    EXPECT_EQ(found.opcode, wanted.opcode) << i;
    EXPECT_EQ(found.write_flag, wanted.write_flag) << i;
    EXPECT_EQ(found.blocks, wanted.blocks) << i;
    EXPECT_EQ(found.blksz, 512U) << i;
    EXPECT_EQ(found.flags, 0xb5U) << i << ": R1, data, R1 on SPI";
    EXPECT_EQ(found.data_ptr, reinterpret_cast<uintptr_t>(wanted.data->data())) << i;
    EXPECT_EQ(found.arg, 0U) << i;
    EXPECT_EQ(found.is_acmd, 0) << i;
  }
}

// ---- The limits ----

TEST(MmcLimits, AreThoseThatSysfsHas) {
  const std::filesystem::path card = testing::TempDir() + "rpmb_mmc_card";
  const auto write = [&card](const char* name, const char* text) {
    std::filesystem::create_directories(card);
    std::ofstream(card / name) << text;
  };
  std::filesystem::remove_all(card);
  EXPECT_FALSE(rpmb_mmc::read_chip_limits(card));
  write("raw_rpmb_size_mult", "0x20\n");
  EXPECT_FALSE(rpmb_mmc::read_chip_limits(card));
  write("rel_sectors", "0x1\n");
  const auto limits = rpmb_mmc::read_chip_limits(card);
  ASSERT_TRUE(limits);
  EXPECT_EQ(limits->blocks * 256, 4U << 20);
  EXPECT_EQ(limits->max_write_blocks, 1U);
  for (const char* nonsense : {"0\n", "0x81\n", "many\n", ""}) {
    write("raw_rpmb_size_mult", nonsense);
    EXPECT_FALSE(rpmb_mmc::read_chip_limits(card)) << nonsense;
  }
  std::filesystem::remove_all(card);
}

// ---- The host ----

class Listener final : public rpmb::FramePortListener {
 public:
  void on_exchanged(bool ok) override { results.push_back(ok); }
  std::vector<bool> results;
};

class MmcHost : public testing::Test {
 protected:
  // With an ioctl that does what `execute` says.
  void open(RpmbMmc::Execute execute) {
    auto host = RpmbMmc::create(*loop_, {.device = "chip", .capacity = 512, .max_write_blocks = 4},
                                runtime::UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)),
                                std::move(execute));
    ASSERT_TRUE(host.has_value()) << host.error();
    host_ = std::move(*host);
    host_->listen(listener_);
    ASSERT_TRUE(host_->start().has_value());
  }
  bool exchange(const rpmb::Exchange& exchange) {
    const size_t before = listener_.results.size();
    host_->begin(exchange);
    return turn_until(*loop_, [&] { return listener_.results.size() > before; });
  }

  std::unique_ptr<runtime::Loop> loop_ = make_loop();
  Listener listener_;
  std::unique_ptr<RpmbMmc> host_;
};

std::span<std::byte> data_of(const mmc_ioc_cmd& command) {
  return {reinterpret_cast<std::byte*>(command.data_ptr), command.blocks * size_t{512}};
}

TEST_F(MmcHost, FramesGoThereAndComeBack) {
  std::vector<Frames> sent;
  open([&sent](int, rpmb_mmc::Commands& commands) {
    for (size_t i = 0; i + 1 < commands.count; ++i) {
      const auto data = data_of(commands.list[i]);
      sent.push_back(to_frames({data.begin(), data.end()}));
    }
    const auto response = data_of(commands.list[commands.count - 1]);
    std::fill(response.begin(), response.end(), std::byte{0x5a});
    return 0;
  });
  const Bytes write = to_bytes(write_data(7, 3, 2, 0x40));
  const Bytes ask = to_bytes({result_read()});
  Bytes response(512);
  ASSERT_TRUE(exchange({.write = write, .ask = ask, .response = response}));
  EXPECT_EQ(response, Bytes(512, std::byte{0x5a}));
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(to_bytes(sent[0]), write) << "a MAC covers all of it";
  EXPECT_EQ(to_bytes(sent[1]), to_bytes({result_read(0)})) << "a chip counts by CMD23";
  EXPECT_THAT(listener_.results, testing::ElementsAre(true));
}

TEST_F(MmcHost, AnErrorIsToldAndTheResponseIsLeftAlone) {
  int error = EIO;
  open([&error](int, rpmb_mmc::Commands&) { return error; });
  const Bytes ask = to_bytes(get_counter());
  Bytes response(512, std::byte{1});
  ASSERT_TRUE(exchange({.ask = ask, .response = response}));
  EXPECT_EQ(response, Bytes(512, std::byte{1}));
  error = 0;
  ASSERT_TRUE(exchange({.ask = ask, .response = response}));
  EXPECT_THAT(listener_.results, testing::ElementsAre(false, true));
}

TEST_F(MmcHost, AChipThatHangsKeepsNeitherLoopNorEnd) {
  std::counting_semaphore<> begun{0};
  std::promise<void> ended;
  std::counting_semaphore<> go_on{0};
  open([&](int, rpmb_mmc::Commands& commands) {
    begun.release();
    go_on.acquire();
    const auto response = data_of(commands.list[commands.count - 1]);
    std::fill(response.begin(), response.end(), std::byte{0x5a});
    ended.set_value();
    return 0;
  });
  const Bytes ask = to_bytes(get_counter());
  Bytes response(512, std::byte{1});
  host_->begin({.ask = ask, .response = response});
  begun.acquire();
  loop_->turn(false);  // others go on
  EXPECT_THAT(listener_.results, testing::IsEmpty());
  host_.reset();  // would block for ever if it waited
  go_on.release();
  ASSERT_EQ(ended.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
  EXPECT_EQ(response, Bytes(512, std::byte{1})) << "nobody waits for it any more";
}

// ---- Opening ----

// A character device that nobody else has.
class Node {
 public:
  Node() {
    EXPECT_EQ(grantpt(fd_.get()), 0);
    EXPECT_EQ(unlockpt(fd_.get()), 0);
    std::array<char, 64> name{};
    EXPECT_EQ(ptsname_r(fd_.get(), name.data(), name.size()), 0);
    path_ = name.data();
  }
  const std::string& path() const { return path_; }

 private:
  runtime::UniqueFd fd_{posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
  std::string path_;
};

std::string refusal(const RpmbMmc::Options& options) {
  const auto loop = make_loop();
  const auto host = RpmbMmc::open(*loop, options);
  return host ? "none" : host.error();
}

TEST(MmcNode, ThatIsNotThereIsRefused) {
  EXPECT_EQ(refusal({.device = "/nonexistent"}),
            "/nonexistent: cannot open: No such file or directory");
}

TEST(MmcNode, ThatIsAFileIsRefused) {
  const TemporaryFile file;
  EXPECT_EQ(refusal({.device = file.path(), .capacity = 512, .max_write_blocks = 1}),
            file.path() + ": is no RPMB partition; write a path such as /dev/mmcblk0rpmb");
}

TEST(MmcNode, WithoutACardNeedsBothKeys) {
  const Node node;
  const std::string refused =
      node.path() +
      ": the kernel does not say what the chip can do; write capacity and max_write_blocks";
  EXPECT_EQ(refusal({.device = node.path()}), refused);
  EXPECT_EQ(refusal({.device = node.path(), .capacity = 512}), refused);
  EXPECT_EQ(refusal({.device = node.path(), .max_write_blocks = 1}), refused);
}

TEST(MmcNode, HasOneOwner) {
  const Node node;
  const auto loop = make_loop();
  const RpmbMmc::Options options{.device = node.path(), .capacity = 512, .max_write_blocks = 1};
  auto first = RpmbMmc::open(*loop, options);
  ASSERT_TRUE(first.has_value()) << first.error();
  EXPECT_EQ(refusal(options), node.path() +
                                  ": in use by another process; stop it: a partition serves one "
                                  "guest");
  first->reset();
  EXPECT_EQ(refusal(options), "none");
}

}  // namespace
}  // namespace stratos::test
