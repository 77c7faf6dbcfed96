// SPDX-License-Identifier: Apache-2.0
// The test's end of the line protocol that tests/guest/initramfs/agent describes.

#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "harness/deadline.h"

namespace stratos::guest {

// A thread reads all that the guest says as soon as it is said, so that a guest is never held up
// by a test that waits for something else.  Methods may be called from any thread.
class Agent {
 public:
  using JobId = unsigned;

  struct JobState {
    std::optional<pid_t> pid;   // in the guest; set once it has started
    std::string text;           // what it printed so far
    std::optional<int> status;  // set once it has ended
  };

  explicit Agent(int fd);  // takes the fd over
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // False at the deadline or when the guest is gone.
  bool wait_ready(Deadline deadline);
  // Sends a command of one line; returns at once.
  JobId start(const std::string& command);
  // Waits until the predicate holds of the job and returns its state then; nothing at the deadline
  // or when the guest is gone.
  std::optional<JobState> wait(JobId job, Deadline deadline,
                               const std::function<bool(const JobState&)>& predicate);
  JobState state(JobId job);
  bool gone();

 private:
  void read_all();
  void take_line(const std::string& line);

  int fd_;
  std::mutex mutex_;  // protects all below
  std::condition_variable changed_;
  std::map<JobId, JobState> jobs_;
  JobId last_job_ = 0;
  bool ready_ = false;
  bool gone_ = false;
  std::thread reader_;
};

}  // namespace stratos::guest
