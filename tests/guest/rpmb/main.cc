// SPDX-License-Identifier: Apache-2.0
// scripted-rpmb SOCKET CAPACITY MAX-WRITE MAX-READ QUEUE-SIZE - sits on the device seat of
// a hub and serves one scripted RPMB device. SIGUSR1 takes the device away, SIGUSR2 brings
// it back. Prints "ready", then a line for each of these and for each request.

#include <fmt/core.h>
#include <linux/virtio_rpmb.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "links/shm/hub_peer.h"
#include "links/shm/shm_link.h"
#include "rpmb/scripted_rpmb.h"
#include "runtime/signals.h"

namespace stratos::guest {
namespace {

constexpr uint16_t kNumber = 0;
constexpr uint64_t kMemory = 1 << 20;

class Silent final : public virtio::Observer {
  void on_event(virtio::Event, uint16_t, uint32_t) override {}
};

void say(const char* what) {
  fmt::print("{}\n", what);
  std::fflush(stdout);
}

void run(const std::vector<std::string>& arguments) {
  const auto number = [&](size_t i) { return static_cast<uint8_t>(std::stoul(arguments.at(i))); };
  auto loop = runtime::Loop::create({});
  if (!loop) throw std::runtime_error(loop.error());
  ScriptedRpmb device(**loop, {number(2), number(3), number(4)},
                      static_cast<uint16_t>(std::stoul(arguments.at(5))));
  Silent silent;
  links::ShmLink link(**loop, "rpmb", silent, {});
  const auto add = [&] {
    const auto added = link.add_device(kNumber, device, kMemory);
    if (!added) throw std::runtime_error(to_string(added.error()));
  };
  add();
  const links::HubPeer peer(**loop, arguments.at(1),
                            {.on_attached = [&](std::unique_ptr<links::Attachment> attachment) {
                              if (!link.attached()) {
                                const auto attached = link.attach(std::move(attachment));
                                if (!attached) throw std::runtime_error(attached.error());
                                say("ready");
                              }
                            }});
  const auto signals = runtime::Signals::watch(**loop, {SIGUSR1, SIGUSR2}, [&](int signal) {
    if (signal == SIGUSR1) {
      link.remove_device(kNumber);
      say("removed");
    } else {
      add();
      say("added");
    }
  });
  (*loop)->run();
}

}  // namespace
}  // namespace stratos::guest

int main(int argc, char** argv) {
  if (argc != 6) {
    fmt::print(stderr, "usage: scripted-rpmb SOCKET CAPACITY MAX-WRITE MAX-READ QUEUE-SIZE\n");
    return 2;
  }
  try {
    stratos::guest::run({argv, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "scripted-rpmb: {}\n", error.what());
    return 1;
  }
}
