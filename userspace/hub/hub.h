// SPDX-License-Identifier: Apache-2.0
// The broker: keeps the memory and the doorbells of every link and hands them to
// whoever sits at either side. Knows nothing of devices and reads no shared memory.
// A service manager that keeps descriptors has it outlive its process.

#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "hub/config.h"
#include "hub/seat.h"
#include "runtime/loop.h"
#include "runtime/unique_fd.h"

namespace stratos::hub {

class Hub {
 public:
  // All links or none: every path is claimed before the first socket listens. A link
  // that was kept goes on as it was. The error is one line. `loop` outlives the hub.
  static std::expected<std::unique_ptr<Hub>, std::string> start(runtime::Loop& loop,
                                                                const Config& config);

  // Links with both seats taken.
  size_t complete_links() const;
  size_t links() const { return links_.size(); }

 private:
  struct Link {
    runtime::UniqueFd memory;
    std::unique_ptr<Seat> device;
    std::unique_ptr<Seat> driver;
    bool kept = false;  // by the service manager, since an earlier hub
  };

  std::expected<void, std::string> add(runtime::Loop& loop, const LinkConfig& link);

  std::vector<Link> links_;
};

}  // namespace stratos::hub
