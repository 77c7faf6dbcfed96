// SPDX-License-Identifier: Apache-2.0
#include "stratosd/rpmb_counters.h"

#include <nlohmann/json.hpp>
#include <string>

namespace stratos::daemon {
namespace {

constexpr const char* kRequestNames[rpmb::kRequestTypes] = {
    "unknown_requests", "key_programmings", "counter_reads", "data_writes",
    "data_reads",       "result_reads",     "config_writes", "config_reads"};
constexpr const char* kResultNames[rpmb::kResults] = {"ok",
                                                      "general_failures",
                                                      "auth_failures",
                                                      "counter_failures",
                                                      "address_failures",
                                                      "write_failures",
                                                      "read_failures",
                                                      "no_key"};

}  // namespace

void add_counters(nlohmann::ordered_json& object, const rpmb::Counters& counters) {
  const rpmb::Counters& c = counters;
  uint64_t malformed = 0;
  for (const uint64_t count : c.malformed) malformed += count;
  for (size_t i = 0; i < c.requests.size(); ++i) object[kRequestNames[i]] = c.requests[i];
  for (size_t i = 0; i < c.results.size(); ++i) object[kResultNames[i]] = c.results[i];
  object.update({{"blocks_written", c.blocks_written},
                 {"blocks_read", c.blocks_read},
                 {"repeated", c.repeated},
                 {"forgotten", c.forgotten},
                 {"unanswered", c.unanswered},
                 {"malformed", malformed}});
  // Why, where there was a why.
  for (size_t i = 1; i < c.malformed.size(); ++i) {
    if (c.malformed[i] == 0) continue;
    object[std::string("malformed: ") + to_string(static_cast<rpmb::Malformed>(i))] =
        c.malformed[i];
  }
}

}  // namespace stratos::daemon
