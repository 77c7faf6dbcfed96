// SPDX-License-Identifier: Apache-2.0
#include "control/control_protocol.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace stratos::control {
namespace {

using nlohmann::json;

TEST(ControlProtocol, ReadsWhatItWrites) {
  for (ControlOp op : {ControlOp::kStatus, ControlOp::kStats, ControlOp::kList}) {
    std::string line = make_request(op);
    ASSERT_EQ(line.back(), '\n');
    line.pop_back();
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto parsed = parse_request(line);
    ASSERT_TRUE(parsed.has_value()) << parsed.error();
    EXPECT_EQ(*parsed, op);
  }
}

struct BadRequest {
  const char* line;
  const char* error;
};

TEST(ControlProtocol, SaysWhatIsWrongWithARequest) {
  const BadRequest kBad[] = {
      {"", "the request is no JSON"},
      {"status", "the request is no JSON"},
      {"{\"op\":\"status\"", "the request is no JSON"},
      {"{\"op\":\"status\"} {}", "the request is no JSON"},
      {"\xff\xfe", "the request is no JSON"},
      {"\"status\"", "the request is no JSON object"},
      {"null", "the request is no JSON object"},
      {"{}", "\"op\" is missing or no string"},
      {"{\"op\":1}", "\"op\" is missing or no string"},
      {"{\"op\":\"stat\"}", "there is no operation \"stat\"; did you mean \"stats\"?"},
      {"{\"op\":\"reboot\"}",
       "there is no operation \"reboot\"; write one of \"status\", \"stats\", \"list\""},
      {"{\"op\":\"stats\",\"link\":\"a\"}", "\"link\" is not known; known is \"op\""},
  };
  for (const BadRequest& bad : kBad) {
    const auto parsed = parse_request(bad.line);
    ASSERT_FALSE(parsed.has_value()) << bad.line;
    EXPECT_EQ(parsed.error(), bad.error) << bad.line;
  }
}

TEST(ControlProtocol, DeepNestingIsRefusedWithoutRecursion) {
  const std::string deep = "{\"op\":" + std::string(kMaxRequest, '[');
  EXPECT_FALSE(parse_request(deep).has_value());
}

TEST(ControlProtocol, RepliesAreOneLine) {
  const std::string reply = make_reply(ControlOp::kList, {{"name", "two\nlines"}});
  EXPECT_EQ(reply.find('\n'), reply.size() - 1);
  const json parsed = json::parse(reply);
  EXPECT_EQ(parsed["ok"], true);
  EXPECT_EQ(parsed["op"], "list");
  EXPECT_EQ(parsed["name"], "two\nlines");

  EXPECT_EQ(json::parse(make_error("no")), json({{"ok", false}, {"error", "no"}}));
}

TEST(ControlProtocol, BytesThatAreNoUtf8DoNotBreakAReply) {
  EXPECT_NO_THROW(json::parse(make_reply(ControlOp::kList, {{"interface", "can\xff"}})));
}

}  // namespace
}  // namespace stratos::control
