// SPDX-License-Identifier: Apache-2.0
#include "hub/command_line.h"

#include <CLI/CLI.hpp>

namespace stratos::hub {
namespace {

constexpr const char* kDescription =
    "Keeps the shared memory and the doorbells of Stratos links, and hands them to QEMU\n"
    "(ivshmem-doorbell) on one side and to stratosd on the other. Guests and stratosd may\n"
    "come and go; the memory stays as long as this runs, and where systemd keeps it\n"
    "(FileDescriptorStoreMax=), this may come and go as well.";

constexpr const char* kFooter =
    "A configuration has one table for each link:\n"
    "\n"
    "  [[link]]\n"
    "  name = \"guest-a\"\n"
    "  size = \"4M\"                                # a power of two, at least 1M\n"
    "  driver_socket = \"/run/stratos/guest-a.qemu\"\n"
    "  device_socket = \"/run/stratos/guest-a.sock\"\n"
    "  # vectors = 1                              # interrupts of each side\n"
    "  # owner, group, mode = \"0660\"              # of both sockets\n"
    "\n"
    "The guest's QEMU takes the driver's side:\n"
    "\n"
    "  qemu-system-x86_64 ... \\\n"
    "    -chardev socket,path=/run/stratos/guest-a.qemu,id=stratos \\\n"
    "    -device ivshmem-doorbell,chardev=stratos,vectors=1\n"
    "\n"
    "One link without a file:\n"
    "\n"
    "  stratos-hub --link name=a,size=4M,driver-socket=/tmp/a.qemu,device-socket=/tmp/a.sock\n";

}  // namespace

std::optional<int> parse_command_line(int argc, char** argv, CommandLine& line) {
  CLI::App app(kDescription, "stratos-hub");
  app.footer(kFooter);
  app.set_version_flag("--version", STRATOS_VERSION);
  auto* config = app.add_option("-c,--config", line.config, "The configuration")
                     ->type_name("FILE")
                     ->capture_default_str();
  app.add_option("--link", line.links,
                 "A link, in place of a configuration; may be given again for more")
      ->type_name("KEY=VALUE,...")
      ->allow_extra_args(false)
      ->excludes(config);
  app.add_flag("--check", line.check, "Check the configuration and exit");
  bool no_sandbox = false;
  app.add_flag("--no-sandbox", no_sandbox,
               "Keep privileges and system calls, for debuggers and tracers");
  app.add_flag("-v,--verbose", line.verbose, "Log more");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  line.sandbox = !no_sandbox;
  return std::nullopt;
}

}  // namespace stratos::hub
