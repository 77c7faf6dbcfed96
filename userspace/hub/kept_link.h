// SPDX-License-Identifier: Apache-2.0
// What of a link outlives the hub where a service manager keeps it: the memory, the
// bells and the connections of the clients. The next hub takes over all of a link, or
// nothing: half of it would join clients that do not hear each other.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hub/config.h"
#include "runtime/event_fd.h"
#include "runtime/unique_fd.h"

namespace stratos::hub {

struct SeatParts {
  std::vector<runtime::EventFd> bells;
  runtime::UniqueFd client;  // not valid if nobody sits there
};

struct LinkParts {
  runtime::UniqueFd memory;
  SeatParts device;
  SeatParts driver;
};

struct SeatName {
  std::string link;
  std::string side;  // "device" or "driver"
};

// What a predecessor left, if it is what `link` asks for. If not, it is forgotten, and
// a warning says why.
std::optional<LinkParts> take_kept_link(const LinkConfig& link);

// Has the memory and the bells kept from now on.
void keep_link(const std::string& link, int memory, const std::vector<runtime::EventFd>& device,
               const std::vector<runtime::EventFd>& driver);

// Who sits there: one at a time.
void keep_client(const SeatName& seat, int client);
void forget_client(const SeatName& seat);

}  // namespace stratos::hub
