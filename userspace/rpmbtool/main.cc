// SPDX-License-Identifier: Apache-2.0
// stratos-rpmb: makes, looks at, checks and copies the stores of RPMB devices.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "rpmbtool/commands.h"

namespace {

using stratos::rpmb_tool::Arguments;
using stratos::rpmb_tool::Outcome;

// Documentation/rpmb.rst tells these to the operator.
constexpr int kExitOk = 0;
constexpr int kExitRefused = 1;
constexpr int kExitUsage = 2;

using Command = Outcome (*)(const Arguments&);

struct CommandLine {
  explicit CommandLine(CLI::App& top) : app(top) {
    app.require_subcommand(1);
    generate_key();
    create();
    inspect();
    verify();
    backup();
    restore();
  }

  CLI::App* add(const char* name, const char* what, Command chosen) {
    CLI::App* sub = app.add_subcommand(name, what);
    sub->callback([this, chosen] { command = chosen; });
    return sub;
  }
  void take_store(CLI::App* sub) {
    sub->add_option("STORE", arguments.store, "The file with the data")->required();
  }
  CLI::Option* take_anchor(CLI::App* sub) {
    return sub->add_option("--anchor", arguments.anchor,
                           "The file that tells whether the store is old; on another disk");
  }
  void take_key(CLI::App* sub) {
    auto* source = sub->add_option_group("key", "The sealing key");
    source->add_option("--key-file", arguments.key.file, "A file that has it");
    source->add_option("--key-credential", arguments.key.credential,
                       "A credential of systemd that has it");
    source->require_option(1);
  }

  void generate_key() {
    CLI::App* sub = add("generate-key", "Makes a sealing key", stratos::rpmb_tool::generate_key);
    sub->add_option("FILE", arguments.key.file, "Where to put it")->required();
  }
  void create() {
    CLI::App* sub = add("create", "Makes a store and its anchor", stratos::rpmb_tool::create);
    take_store(sub);
    take_anchor(sub)->required();
    take_key(sub);
    sub->add_option("--capacity", arguments.capacity, "128K to 16M, a multiple of 128K")
        ->required();
    sub->add_option("--cid", arguments.cid,
                    "What the guest knows the device by: 32 hexadecimal digits (else random)");
  }
  void inspect() {
    CLI::App* sub = add("inspect", "Tells what is no secret", stratos::rpmb_tool::inspect);
    take_store(sub);
    take_anchor(sub);
    take_key(sub);
    sub->add_flag("--json", arguments.json, "One JSON object");
  }
  void verify() {
    CLI::App* sub = add("verify", "Checks all of it", stratos::rpmb_tool::verify);
    take_store(sub);
    take_anchor(sub);
    take_key(sub);
  }
  void backup() {
    CLI::App* sub = add("backup", "Copies a store that is not in use", stratos::rpmb_tool::backup);
    take_store(sub);
    sub->add_option("DEST", arguments.backup, "The copy, a new file")->required();
    take_anchor(sub);
    take_key(sub);
  }
  void restore() {
    CLI::App* sub = add("restore", "Makes a store of a backup", stratos::rpmb_tool::restore);
    sub->add_option("BACKUP", arguments.backup, "What backup made")->required();
    sub->add_option("--store", arguments.store, "The store, a new file")->required();
    take_anchor(sub)->required();
    take_key(sub);
    sub->add_flag("--accept-rollback", arguments.accept_rollback,
                  "Undo what the guest committed since the backup");
  }

  CLI::App& app;
  Arguments arguments;
  Command command = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Makes, looks at, checks and copies the stores of RPMB devices."};
  CommandLine line(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  const Outcome outcome = line.command(line.arguments);
  if (outcome) return kExitOk;
  fmt::print(stderr, "stratos-rpmb: {}\n", outcome.error());
  return kExitRefused;
}
