// SPDX-License-Identifier: Apache-2.0
#include "control/control_protocol.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "config/suggestion.h"

namespace stratos::control {
namespace {

using nlohmann::json;

constexpr std::string_view kOpNames[] = {"status", "stats", "list"};
constexpr ControlOp kOps[] = {ControlOp::kStatus, ControlOp::kStats, ControlOp::kList};

// A configuration or an interface may carry bytes that are no UTF-8.
std::string line_of(const nlohmann::ordered_json& object) {
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

// Deeper nesting than a request has is refused while it is parsed, not afterwards.
json parse_shallow(std::string_view line) {
  const auto shallow = [](int depth, json::parse_event_t event, json&) {
    const bool opens =
        event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    return !(opens && depth > 0);
  };
  return json::parse(line, shallow, /*allow_exceptions=*/false);
}

}  // namespace

std::string_view to_string(ControlOp op) { return kOpNames[std::to_underlying(op)]; }

std::expected<ControlOp, std::string> parse_request(std::string_view line) {
  const json request = parse_shallow(line);
  if (request.is_discarded()) return std::unexpected("the request is no JSON");
  if (!request.is_object()) return std::unexpected("the request is no JSON object");
  for (const auto& [key, value] : request.items()) {
    if (key != "op")
      return std::unexpected(fmt::format("\"{}\" is not known; known is \"op\"", key));
  }
  const auto op = request.find("op");
  if (op == request.end() || !op->is_string()) {
    return std::unexpected("\"op\" is missing or no string");
  }
  const auto& name = op->get_ref<const std::string&>();
  for (ControlOp known : kOps) {
    if (name == to_string(known)) return known;
  }
  return std::unexpected(fmt::format("there is no operation \"{}\"; {}", name,
                                     config::suggest(name, kOpNames, "write one of")));
}

std::string make_request(ControlOp op) { return line_of({{"op", to_string(op)}}); }

std::string make_reply(ControlOp op, const nlohmann::ordered_json& body) {
  nlohmann::ordered_json reply{{"ok", true}, {"op", to_string(op)}};
  reply.update(body);
  return line_of(reply);
}

std::string make_error(std::string_view text) { return line_of({{"ok", false}, {"error", text}}); }

}  // namespace stratos::control
