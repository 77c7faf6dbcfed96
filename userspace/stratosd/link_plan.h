// SPDX-License-Identifier: Apache-2.0
// What a type of link is to the daemon: keys in the configuration, and a way to
// reach a driver side.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <expected>
#include <memory>
#include <string>

#include "runtime/loop.h"
#include "stratosd/owned_path.h"

namespace stratos::config {
class Errors;
}

namespace stratos::daemon {

struct Config;
struct LinkConfig;
class LinkUnit;

// The part of a [[link]] that only its type understands.
class LinkPlan {
 public:
  virtual ~LinkPlan() = default;

  // Where the driver side is met. A path that is not empty is that of one link alone.
  virtual OwnedPath endpoint() const = 0;
  // What `stratosctl list` shows of this type beyond name, type and endpoint.
  virtual nlohmann::ordered_json options() const = 0;
  // Checks what this part demands of the rest of the configuration.
  virtual void check(const LinkConfig& /*link*/, const Config& /*config*/,
                     config::Errors& /*errors*/) const {}
  // Begins to look for what the link stands on. `loop` and `link` outlive the unit. The
  // error is one line.
  virtual std::expected<std::unique_ptr<LinkUnit>, std::string> open(
      runtime::Loop& loop, const LinkConfig& link) const = 0;
};

}  // namespace stratos::daemon
