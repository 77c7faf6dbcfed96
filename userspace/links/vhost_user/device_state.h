// SPDX-License-Identifier: Apache-2.0
// The device's own state on its way from one back-end to another (migration): one record
// of virtio/state_record.h, through a pipe that the front-end gives.

#pragma once

#include <expected>
#include <string>

#include "runtime/unique_fd.h"
#include "virtio/instance.h"

namespace stratos::links::vhost_user {

// Neither blocks: a front-end lets a pipe take the few hundred bytes that this is. The
// error is one line.
std::expected<void, std::string> save_state(const runtime::UniqueFd& pipe,
                                            const virtio::InstanceState& state);
// Reads to the end. The content is the front-end's word.
std::expected<virtio::InstanceState, std::string> load_state(const runtime::UniqueFd& pipe);

}  // namespace stratos::links::vhost_user
