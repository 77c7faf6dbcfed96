// SPDX-License-Identifier: Apache-2.0
// Steps with can-utils that tests and demonstrations share.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/guest.h"

namespace stratos::guest {

// Loads the frontend and its transport.
void insmod_virtio_can(Guest& guest, const std::string& bus = "virtio_msg_ivshmem");
// Waits for the interface and sets it up.
void can_up(Guest& guest, const std::string& interface);
// A vcan interface, up, with room for CAN FD.
void vcan_up(Guest& guest, const std::string& interface);

// Starts a program that receives all frames of an interface, and waits until it does.
Job start_listening(Guest& guest, const std::string& interface, const std::string& program);

// candump that writes to a file in the guest, so that the console is no bottleneck.
class Recording {
 public:
  // Ends by itself after `count` frames. Listening when it returns.
  Recording(Guest& guest, const std::string& interface, size_t count);

  // Waits until `count` came; throws HarnessError, saying how many did, at the deadline. A frame is
  // what candump -L writes, without time and interface: "123#DEADBEEF".
  std::vector<std::string> frames(Timeout timeout = std::chrono::seconds(60));
  // What is there now.
  std::vector<std::string> frames_so_far();

 private:
  Guest* guest_;
  std::string file_;
  size_t count_;
  std::optional<Job> job_;
};

// The same frame as cansend takes it and as candump -L shows it: there the kernel has set the FD
// flag (4).
struct SampleFrame {
  const char* what;
  const char* sent;
  const char* seen;
};
// One of each kind that virtio-can knows: base and extended id, remote, FD; several lengths.
const std::vector<SampleFrame>& sample_frames();

// What should be seen of them.
std::vector<std::string> samples_seen();
// Sends each from one interface, waits for all at the other, and returns what came there.
std::vector<std::string> pass_samples(Guest& from, const std::string& out, Guest& to,
                                      const std::string& in);

}  // namespace stratos::guest
