// SPDX-License-Identifier: Apache-2.0
#include "runtime/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace stratos::runtime {
namespace {

TEST(Log, OneSourceCannotFloodAndDoesNotSilenceAnother) {
  testing::internal::CaptureStderr();
  Log noisy("noisy"), quiet("quiet");
  for (int i = 0; i < 1000; ++i) noisy.warn("line {}", i);
  quiet.error("still here");
  const std::string out = testing::internal::GetCapturedStderr();
  const auto lines = std::count(out.begin(), out.end(), '\n');
  EXPECT_LE(lines, static_cast<long>(Log::kBurst) + 2);
  EXPECT_NE(out.find("quiet: still here"), std::string::npos);
  EXPECT_GE(noisy.suppressed(), 1000 - Log::kBurst - 1);
}

TEST(Log, InformationDoesNotSilenceWarnings) {
  testing::internal::CaptureStderr();
  Log log("source");
  for (int i = 0; i < 1000; ++i) log.info("line {}", i);
  log.warn("this matters");
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_LE(std::count(out.begin(), out.end(), '\n'), static_cast<long>(Log::kBurst) + 2);
  EXPECT_NE(out.find("this matters"), std::string::npos);
}

TEST(Log, LinesBelowTheLevelAreDropped) {
  testing::internal::CaptureStderr();
  Log log("source");
  log.debug("secret");
  set_log_level(LogLevel::kDebug);
  log.debug("shown");
  set_log_level(LogLevel::kInfo);
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_EQ(out.find("secret"), std::string::npos);
  EXPECT_NE(out.find("source: shown"), std::string::npos);
}

}  // namespace
}  // namespace stratos::runtime
