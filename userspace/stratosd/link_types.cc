// SPDX-License-Identifier: Apache-2.0
#include "stratosd/link_types.h"

#include "stratosd/loopback_link_plan.h"
#include "stratosd/shm_link_plan.h"
#include "stratosd/uio_link_plan.h"
#include "stratosd/vhost_user_link_plan.h"

namespace stratos::daemon {
namespace {

constexpr LinkTypeEntry kLinkTypes[] = {
    {"shm", read_shm_link_plan},
    {"uio", read_uio_link_plan},
    {"loopback", read_loopback_link_plan},
    {"vhost-user", read_vhost_user_link_plan},
};

}  // namespace

std::span<const LinkTypeEntry> link_types() { return kLinkTypes; }

}  // namespace stratos::daemon
