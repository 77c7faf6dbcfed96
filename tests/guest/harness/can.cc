// SPDX-License-Identifier: Apache-2.0

#include "harness/can.h"

#include <fmt/format.h>

#include <atomic>

#include "harness/error.h"

namespace stratos::guest {
namespace {

std::string next_file() {
  static std::atomic<unsigned> number = 0;
  return fmt::format("/tmp/candump.{}", ++number);
}

// One line for each socket that receives all frames of the interface.
std::string count_listeners(const std::string& interface) {
  return fmt::format("awk '$1 == \"{}\"' /proc/net/can/rcvlist_all | wc -l", interface);
}

}  // namespace

void insmod_virtio_can(Guest& guest, const std::string& bus) {
  guest.insmod("can-raw");
  guest.insmod(bus);
  guest.insmod("virtio_can");
}

void can_up(Guest& guest, const std::string& interface) {
  guest.wait_for_path("/sys/class/net/" + interface);
  guest.must(fmt::format("ip link set {0} up", interface));
}

void vcan_up(Guest& guest, const std::string& interface) {
  guest.insmod("can-raw");
  guest.must(
      fmt::format("ip link add {0} type vcan && ip link set {0} mtu 72 && "
                  "ip link set {0} up",
                  interface));
}

Job start_listening(Guest& guest, const std::string& interface, const std::string& program) {
  const Output before = guest.must(count_listeners(interface));
  Job job = guest.start(program);
  guest.must(fmt::format("until [ $({}) -gt {} ]; do usleep 5000; done", count_listeners(interface),
                         std::stoul(before.text)));
  return job;
}

Recording::Recording(Guest& guest, const std::string& interface, size_t count)
    : guest_(&guest), file_(next_file()), count_(count) {
  job_ = start_listening(guest, interface,
                         fmt::format("candump -L -n {} {} >{}", count, interface, file_));
}

std::vector<std::string> Recording::frames(Timeout timeout) {
  try {
    job_->wait(timeout);
  } catch (const HarnessError& error) {
    throw HarnessError(
        fmt::format("{} of {} frames came: {}", frames_so_far().size(), count_, error.what()));
  }
  return frames_so_far();
}

std::vector<std::string> Recording::frames_so_far() {
  return guest_->must("sed 's/^([^)]*) [^ ]* //' " + file_, std::chrono::seconds(60)).lines();
}

const std::vector<SampleFrame>& sample_frames() {
  static const std::vector<SampleFrame> frames = {
      {"classic", "123#DEADBEEF", "123#DEADBEEF"},
      {"classic, empty", "7FF#", "7FF#"},
      {"classic, 8 bytes", "001#0102030405060708", "001#0102030405060708"},
      {"extended id", "1ABCDEF0#55", "1ABCDEF0#55"},
      {"remote", "321#R", "321#R"},
      {"remote, extended id, length 5", "1FFFFFFF#R5", "1FFFFFFF#R5"},
      {"FD", "456##0112233", "456##4112233"},
      {"FD, 12 bytes", "456##0AABBCCDDEEFF001122334455", "456##4AABBCCDDEEFF001122334455"},
      {"FD, 64 bytes",
       "18DAF110##0"
       "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
       "202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F",
       "18DAF110##4"
       "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
       "202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F"},
  };
  return frames;
}

std::vector<std::string> samples_seen() {
  std::vector<std::string> seen;
  for (const SampleFrame& frame : sample_frames()) seen.emplace_back(frame.seen);
  return seen;
}

std::vector<std::string> pass_samples(Guest& from, const std::string& out, Guest& to,
                                      const std::string& in) {
  Recording recording(to, in, sample_frames().size());
  for (const SampleFrame& frame : sample_frames())
    from.must(fmt::format("cansend {} {}", out, frame.sent));
  return recording.frames();
}

}  // namespace stratos::guest
