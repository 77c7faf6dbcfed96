// SPDX-License-Identifier: Apache-2.0
// hostile-device SOCKET TRICK packed|split - sits on the device seat of a hub and plays a trick on
// whatever driver comes. Prints "ready" when it sits there and "played TRICK" when the
// driver got what the trick is about.

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "hostile/tricks.h"
#include "links/shm/hub_peer.h"

namespace stratos::guest {
namespace {

int run(const std::string& socket, std::string_view name, std::string_view rings) {
  const auto trick = std::ranges::find(tricks(), name, &Trick::name);
  if (trick == tricks().end()) {
    fmt::print(stderr, "hostile-device: no trick {}\n", name);
    return 2;
  }
  if (rings != "packed" && rings != "split") {
    fmt::print(stderr, "hostile-device: no rings {}\n", rings);
    return 2;
  }
  auto loop = runtime::Loop::create({});
  if (!loop) {
    fmt::print(stderr, "hostile-device: {}\n", loop.error());
    return 1;
  }
  HostileDevice device(**loop, *trick, rings == "packed" ? RingKind::kPacked : RingKind::kSplit);
  const links::HubPeer peer(**loop, socket,
                            {.on_attached =
                                 [&](std::unique_ptr<links::Attachment> attachment) {
                                   device.attach(std::move(attachment));
                                   fmt::print("ready\n");
                                   std::fflush(stdout);
                                 },
                             .on_hub_lost = [&] { (*loop)->stop(); }});
  (*loop)->run();
  return 0;
}

}  // namespace
}  // namespace stratos::guest

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: hostile-device SOCKET TRICK packed|split\n");
    return 2;
  }
  try {
    return stratos::guest::run(argv[1], argv[2], argv[3]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "hostile-device: {}\n", error.what());
    return 1;
  }
}
