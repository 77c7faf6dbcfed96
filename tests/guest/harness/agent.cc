// SPDX-License-Identifier: Apache-2.0

#include "harness/agent.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "harness/error.h"

namespace stratos::guest {

Agent::Agent(int fd) : fd_(fd), reader_([this] { read_all(); }) {}

Agent::~Agent() {
  shutdown(fd_, SHUT_RDWR);  // ends the reader's read
  reader_.join();
  close(fd_);
}

bool Agent::wait_ready(Deadline deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return ready_ || gone_; });
  return ready_ && !gone_;
}

Agent::JobId Agent::start(const std::string& command) {
  if (command.find('\n') != std::string::npos)
    throw HarnessError("a guest's command is one line: " + command);
  std::unique_lock lock(mutex_);
  const JobId job = ++last_job_;
  jobs_[job] = {};
  const std::string line = fmt::format("{} {}\n", job, command);
  if (send(fd_, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
    throw HarnessError("the guest is gone");
  return job;
}

std::optional<Agent::JobState> Agent::wait(JobId job, Deadline deadline,
                                           const std::function<bool(const JobState&)>& predicate) {
  std::unique_lock lock(mutex_);
  const JobState& state = jobs_.at(job);
  changed_.wait_until(lock, deadline, [&] { return gone_ || predicate(state); });
  if (!predicate(state)) return std::nullopt;
  return state;
}

Agent::JobState Agent::state(JobId job) {
  std::unique_lock lock(mutex_);
  return jobs_.at(job);
}

bool Agent::gone() {
  std::unique_lock lock(mutex_);
  return gone_;
}

void Agent::read_all() {
  std::array<char, 65536> buffer;
  std::string pending;
  ssize_t got = 0;
  while ((got = read(fd_, buffer.data(), buffer.size())) > 0) {
    pending.append(buffer.data(), static_cast<size_t>(got));
    size_t begin = 0;
    std::unique_lock lock(mutex_);
    for (size_t end; (end = pending.find('\n', begin)) != std::string::npos; begin = end + 1)
      take_line(pending.substr(begin, end - begin));
    pending.erase(0, begin);
    changed_.notify_all();
  }
  std::unique_lock lock(mutex_);
  gone_ = true;
  changed_.notify_all();
}

// Called with the mutex held.
void Agent::take_line(const std::string& line) {
  if (line.starts_with("ready ")) {
    ready_ = true;
    return;
  }
  JobId job = 0;
  const char* const end = line.data() + line.size();
  const auto [mark, error] = std::from_chars(line.data(), end, job);
  const auto found = jobs_.find(job);
  if (error != std::errc() || mark == end || found == jobs_.end()) return;
  JobState& state = found->second;
  const std::string_view rest(mark + 1, end);
  if (*mark == ':') {
    state.text.append(rest).push_back('\n');
    return;
  }
  int number = -1;
  std::from_chars(rest.data(), end, number);
  if (*mark == '+') state.pid = number;
  if (*mark == '=') state.status = number;
}

}  // namespace stratos::guest
