// SPDX-License-Identifier: Apache-2.0
// What an operator sees of stratosd and stratosctl on the command line.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "stratosd/subprocess.h"

namespace stratos::daemon {
namespace {

using test::ProgramResult;
using test::run_program;

class CommandLineTest : public ::testing::Test {
 protected:
  CommandLineTest() {
    std::string name = ::testing::TempDir() + "stratosd-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~CommandLineTest() override { std::filesystem::remove_all(directory_); }

  std::string write(const std::string& text) {
    const std::string file = directory_ / "stratosd.toml";
    std::ofstream(file) << text;
    return file;
  }

  std::filesystem::path directory_;
};

TEST_F(CommandLineTest, CheckCountsLinksAndDevices) {
  const std::string file = write(
      "[[link]]\nname = \"a\"\ntype = \"uio\"\n"
      "[[link]]\nname = \"b\"\ntype = \"shm\"\nsocket = \"/nowhere\"\n"
      "[[bus]]\nname = \"c\"\ntype = \"virtual\"\n"
      "[[device]]\nname = \"d\"\ntype = \"can\"\nlink = \"a\"\nnumber = 0\nbus = \"c\"\n");
  const ProgramResult result = run_program({STRATOSD_PATH, "--check", "--config", file});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output, file + ": ok, 2 links, 1 devices\n");
  EXPECT_EQ(result.errors, "");
}

TEST_F(CommandLineTest, CheckShowsEachErrorOnALineAndExits2) {
  const std::string file = write("[[link]]\nname = \"a\"\ntype = \"uio\"\ncolour = 1\nspeed = 2\n");
  const ProgramResult result = run_program({STRATOSD_PATH, "--check", "--config", file});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.output, "");
  const std::string rest =
      " is not a key of a [[link]] of type \"uio\"; known keys are \"device\", \"layout\", "
      "\"name\", \"peer_timeout_ms\", \"ring\", \"type\"\n";
  EXPECT_EQ(result.errors, file + ":4: link.colour:" + rest + file + ":5: link.speed:" + rest);
}

TEST_F(CommandLineTest, AWrongConfigurationIsNotRun) {
  const std::string file = write("");
  const ProgramResult result = run_program({STRATOSD_PATH, "--config", file});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.errors, file + ":0: link: is missing; describe at least one [[link]]\n");
}

TEST_F(CommandLineTest, WrongArgumentsExit2) {
  EXPECT_EQ(run_program({STRATOSD_PATH, "--chekc"}).exit_code, 2);
  EXPECT_EQ(run_program({STRATOSCTL_PATH}).exit_code, 2);
  EXPECT_EQ(run_program({STRATOSCTL_PATH, "reboot"}).exit_code, 2);
  EXPECT_EQ(run_program({STRATOSCTL_PATH, "--help"}).exit_code, 0);
}

TEST_F(CommandLineTest, StratosctlSaysThatStratosdDoesNotRun) {
  const std::string socket = directory_ / "no.sock";
  const ProgramResult result = run_program({STRATOSCTL_PATH, "--socket", socket, "status"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(result.errors, "stratosctl: no stratosd listens on " + socket +
                               " (No such file or directory); start it, or name its socket with "
                               "--socket\n");
}

}  // namespace
}  // namespace stratos::daemon
