// SPDX-License-Identifier: Apache-2.0
#include "stratosctl/text_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace stratos::ctl {
namespace {

using nlohmann::ordered_json;

std::string report(const char* reply) { return text_report(ordered_json::parse(reply)); }

TEST(TextReport, AlignsListsAsTables) {
  EXPECT_EQ(report(R"({"ok":true,"op":"status","version":"0.1.0","pid":7,
                       "links":[{"name":"guest-a","type":"shm","state":"run"},
                                {"name":"b","type":"uio","state":"init"}],
                       "devices":[]})"),
            "version  0.1.0\n"
            "pid      7\n"
            "devices  -\n"
            "\n"
            "links\n"
            "  NAME     TYPE  STATE\n"
            "  guest-a  shm   run\n"
            "  b        uio   init\n");
}

TEST(TextReport, ShowsLargeObjectsOneBelowTheOther) {
  EXPECT_EQ(report(R"({"loop":{"turns":12,"system_calls":3},
                       "devices":[{"name":"can-a","link":"a","queues":[{"queue":0,"kicks":5},
                                                                      {"queue":1,"kicks":60}]},
                                  {"name":"can-b","link":"b","queues":[]}]})"),
            "loop\n"
            "  turns         12\n"
            "  system_calls  3\n"
            "\n"
            "devices: can-a\n"
            "  link  a\n"
            "\n"
            "  queues\n"
            "    QUEUE  KICKS\n"
            "    0      5\n"
            "    1      60\n"
            "\n"
            "devices: can-b\n"
            "  link    b\n"
            "  queues  -\n");
}

TEST(TextReport, ShowsEveryKindOfValue) {
  EXPECT_EQ(report(R"({"a":true,"b":false,"c":null,"d":"","e":["fd","rtr"],"f":-1.5})"),
            "a  yes\nb  no\nc  -\nd  -\ne  fd rtr\nf  -1.5\n");
}

TEST(TextReport, FillsGapsOfATable) {
  EXPECT_EQ(report(R"({"buses":[{"name":"a","bitrate":5},{"name":"b","interface":"can0"}]})"),
            "buses\n"
            "  NAME  BITRATE  INTERFACE\n"
            "  a     5        -\n"
            "  b     -        can0\n");
}

TEST(TextReport, KeepsControlCharactersFromTheTerminal) {
  EXPECT_EQ(report(R"({"name":"a\u001b[2Jb\nc"})"), "name  a?[2Jb?c\n");
}

}  // namespace
}  // namespace stratos::ctl
