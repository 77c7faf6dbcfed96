// SPDX-License-Identifier: Apache-2.0
// stratosctl: asks a running stratosd how it is.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "stratosctl/client.h"
#include "stratosctl/text_report.h"

namespace {

using stratos::control::ControlOp;

// Documentation/configuration.rst tells these to the operator.
constexpr int kExitOk = 0;
constexpr int kExitNotReachable = 1;
constexpr int kExitUsage = 2;
constexpr int kExitRefused = 3;

int fail(int code, const std::string& text) {
  fmt::print(stderr, "stratosctl: {}\n", text);
  return code;
}

struct Arguments {
  std::string socket = stratos::control::kDefaultControlSocket;
  bool json = false;
  unsigned timeout_ms = 5000;
  ControlOp op = ControlOp::kStatus;
};

int run(const Arguments& arguments) {
  const auto line = stratos::ctl::ask(arguments.socket, arguments.op,
                                      std::chrono::milliseconds(arguments.timeout_ms));
  if (!line) return fail(kExitNotReachable, line.error());
  const auto reply = nlohmann::ordered_json::parse(*line, nullptr, /*allow_exceptions=*/false);
  if (!reply.is_object()) return fail(kExitRefused, "the reply is no JSON object");
  if (reply.value("ok", nlohmann::ordered_json()) != true) {
    const auto error = reply.value("error", nlohmann::ordered_json("no reason given"));
    return fail(kExitRefused, error.is_string() ? error.get<std::string>() : error.dump());
  }
  fmt::print("{}", arguments.json ? *line + '\n' : stratos::ctl::text_report(reply));
  return kExitOk;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app{"Asks a running stratosd how it is."};
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--socket", arguments.socket, "The control socket of stratosd")
      ->capture_default_str();
  app.add_flag("--json", arguments.json, "Print the reply as it came, one JSON object");
  app.add_option("--timeout-ms", arguments.timeout_ms, "How long to wait for stratosd")
      ->capture_default_str()
      ->check(CLI::Range(1, 600'000));
  app.add_subcommand("status", "Links and devices, and how they are");
  app.add_subcommand("stats", "Every counter");
  app.add_subcommand("list", "What the configuration says");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  for (ControlOp op : {ControlOp::kStatus, ControlOp::kStats, ControlOp::kList}) {
    if (app.got_subcommand(std::string(to_string(op)))) arguments.op = op;
  }
  return run(arguments);
}
