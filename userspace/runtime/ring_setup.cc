// SPDX-License-Identifier: Apache-2.0
#include "runtime/ring_setup.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

namespace stratos::runtime {
namespace {

// The kernel's own verdict on who may use io_uring, or -1 where it has none (< 6.6).
int io_uring_disabled() {
  int value = -1;
  std::ifstream("/proc/sys/kernel/io_uring_disabled") >> value;
  return value;
}

int restrict_and_enable(io_uring& ring, std::span<const uint8_t> operations) {
  std::vector<io_uring_restriction> rules;
  rules.reserve(operations.size() + 2);
  const auto allow = [&rules](uint8_t operation) {
    io_uring_restriction rule{};
    rule.opcode = IORING_RESTRICTION_SQE_OP;
    rule.sqe_op = operation;
    rules.push_back(rule);
  };
  for (const uint8_t operation : operations) allow(operation);
  allow(IORING_OP_ASYNC_CANCEL);
  io_uring_restriction flags{};
  flags.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
  flags.sqe_flags = 0xff;
  rules.push_back(flags);
  // liburing 2.3 forgot to export its own functions for these two.
  const int result =
      io_uring_register(static_cast<unsigned>(ring.ring_fd), IORING_REGISTER_RESTRICTIONS,
                        rules.data(), static_cast<unsigned>(rules.size()));
  if (result < 0) return result;
  return io_uring_register(static_cast<unsigned>(ring.ring_fd), IORING_REGISTER_ENABLE_RINGS,
                           nullptr, 0);
}

int try_set_up(io_uring& ring, uint32_t entries, uint32_t flags) {
  io_uring_params params{};
  // Completions of one turn must fit, multishot ones included; a full queue is
  // slow but loses nothing.
  params.flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  params.cq_entries = entries * 4;
  return io_uring_queue_init_params(entries, &ring, &params);
}

}  // namespace

std::string explain_ring_error(int error) {
  std::string what = std::string("io_uring is not available: ") + std::strerror(error);
  if (const int disabled = io_uring_disabled(); disabled > 0) {
    return what + "; sysctl kernel.io_uring_disabled is " + std::to_string(disabled) +
           ", set it to 0 (or to 1 and put this user in the group kernel.io_uring_group)";
  }
  switch (error) {
    case ENOSYS:
      return what +
             "; the kernel lacks CONFIG_IO_URING, or a seccomp profile (of a container?) "
             "hides io_uring_setup, io_uring_enter and io_uring_register: allow them";
    case EPERM:
    case EACCES:
      return what +
             "; a seccomp profile or a security module forbids it: in a container, allow "
             "io_uring_setup, io_uring_enter and io_uring_register";
    case ENOMEM:
      return what + "; raise the limit of locked memory (LimitMEMLOCK= in systemd, ulimit -l)";
    case EMFILE:
    case ENFILE:
      return what + "; raise the limit of open files (LimitNOFILE= in systemd, ulimit -n)";
    default:
      return what;
  }
}

std::expected<void, std::string> set_up_ring(io_uring& ring, uint32_t entries,
                                             std::span<const uint8_t> allowed_operations) {
  // TASKRUN_FLAG lets us poll without a system call; SUBMIT_ALL keeps one bad
  // request from holding up those behind it.
  constexpr uint32_t kCandidates[] = {
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
          IORING_SETUP_SUBMIT_ALL,
      IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
      0,
  };
  const uint32_t disabled = allowed_operations.empty() ? 0 : IORING_SETUP_R_DISABLED;
  int error = 0;
  for (const uint32_t flags : kCandidates) {
    error = try_set_up(ring, entries, flags | disabled);
    if (error != -EINVAL) break;
  }
  if (error < 0) return std::unexpected(explain_ring_error(-error));

  // Cheaper entry, from 5.18 on; the ring works as well without. It comes first:
  // a restricted ring takes no further registrations.
  io_uring_register_ring_fd(&ring);
  if (disabled != 0) {
    error = restrict_and_enable(ring, allowed_operations);
    if (error < 0) {
      io_uring_queue_exit(&ring);
      return std::unexpected(std::string("cannot restrict io_uring: ") + std::strerror(-error));
    }
  }
  return {};
}

}  // namespace stratos::runtime
