// SPDX-License-Identifier: Apache-2.0

#include "harness/kernel_log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>

namespace stratos::guest {
namespace {

const std::regex& fault_pattern() {
  static const std::regex pattern(
      "WARNING: CPU|WARNING: possible|WARNING: suspicious|BUG:|BUG at|Oops|Kernel panic|Call Trace"
      "|INFO: task|blocked for more than|soft lockup|hard LOCKUP|rcu: INFO|detected stall"
      "|general protection|unable to handle|UBSAN|KASAN|KFENCE|refcount_t:|list_(add|del) "
      "corruption"
      "|scheduling while atomic|sleeping function called|possible recursive locking"
      "|bad unlock|Bad page|nobody cared|unexpected IRQ trap");
  return pattern;
}

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

}  // namespace

std::string KernelLog::text() const {
  std::ifstream file(console_, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> KernelLog::tail(size_t count) const {
  auto lines = split_lines(text());
  if (lines.size() > count) lines.erase(lines.begin(), lines.end() - static_cast<long>(count));
  return lines;
}

std::vector<std::string> KernelLog::faults() const {
  std::vector<std::string> found;
  for (const std::string& line : split_lines(text())) {
    if (std::regex_search(line, fault_pattern())) found.push_back(line);
  }
  return found;
}

bool KernelLog::wait_for(const std::string& wanted, Deadline deadline) const {
  // Who writes it may not have come to it yet, and nothing watches a file that is not there.
  close(open(console_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));  // NOLINT
  const int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  // Watched before it is read, so that nothing is written unseen in between.
  inotify_add_watch(watch, console_.c_str(), IN_MODIFY);
  bool found = false;
  for (;;) {
    found = text().find(wanted) != std::string::npos;
    if (found || Clock::now() >= deadline) break;
    pollfd changed{watch, POLLIN, 0};
    poll(&changed, 1, poll_timeout(deadline));
    std::array<char, 4096> events;
    while (read(watch, events.data(), events.size()) > 0) {
    }
  }
  close(watch);
  return found;
}

}  // namespace stratos::guest
