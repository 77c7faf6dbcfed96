// SPDX-License-Identifier: Apache-2.0
// What goes over the control socket: one JSON object per line, each way.
//
//   {"op": "status"}      who lives: links and devices
//   {"op": "stats"}       every counter
//   {"op": "list"}        what the configuration says
//
// A reply has "ok": true and "op", or "ok": false and "error". Unknown members of a
// request are refused, so that a later member is never ignored in silence.

#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace stratos::control {

inline constexpr const char* kDefaultControlSocket = "/run/stratos/stratosd.sock";

// A longer request ends the connection.
inline constexpr size_t kMaxRequest = 4096;

enum class ControlOp : uint8_t { kStatus, kStats, kList };

std::string_view to_string(ControlOp op);

// One request without its newline. The error is what to answer with.
std::expected<ControlOp, std::string> parse_request(std::string_view line);

// One line each, with its newline. `body` is a JSON object.
std::string make_request(ControlOp op);
std::string make_reply(ControlOp op, const nlohmann::ordered_json& body);
std::string make_error(std::string_view text);

}  // namespace stratos::control
