// SPDX-License-Identifier: Apache-2.0
#include "devices/rpmb/checks.h"

#include "devices/rpmb/constant_time.h"

namespace stratos::rpmb {
namespace {

bool address_allowed(const Request& request, uint32_t blocks) {
  const uint32_t address = request.fields.address;
  switch (request.type) {
    case RequestType::kDataWrite:
    case RequestType::kDataRead:
      return address + uint32_t{request.fields.block_count} <= blocks;
    case RequestType::kConfigWrite:
      return address == kSecureWpModeEnable || address == kSecureWpModeConfig;
    default:
      return true;
  }
}

// Of which every other check would only read nonsense.
bool is_shapeless(Malformed malformed) {
  return malformed != Malformed::kNone && malformed != Malformed::kFrames &&
         malformed != Malformed::kFields;
}

bool needs_key(RequestType type) {
  return type != RequestType::kProgramKey && type != RequestType::kResultRead;
}

}  // namespace

bool count_allowed(const Request& request, const Limits& limits) {
  const uint16_t count = request.fields.block_count;
  switch (request.type) {
    case RequestType::kDataWrite:
      return count != 0 && count <= limits.max_write_blocks;
    case RequestType::kDataRead:
      return count != 0 && count <= limits.max_read_blocks;
    default:
      return count == 1;
  }
}

bool is_repeated(const State& state, const Request& request) {
  if (!request.resumed) return false;
  if (request.type == RequestType::kProgramKey) {
    return state.key_programmed && equal_in_constant_time(state.key, request.mac);
  }
  return request.fields.write_counter + 1 == state.write_counter &&
         equal_in_constant_time(state.last_mac, request.mac);
}

Result check_request(const State& state, const Request& request, const Limits& limits,
                     uint32_t blocks) {
  if (is_shapeless(request.malformed)) return Result::kGeneralFailure;
  if (needs_key(request.type) && !state.key_programmed) return Result::kNoKey;
  if (request.malformed != Malformed::kNone || !count_allowed(request, limits)) {
    return Result::kGeneralFailure;
  }
  if (request.writes() && !is_repeated(state, request)) {
    const bool closed =
        request.type == RequestType::kProgramKey ? state.key_programmed : is_expired(state);
    if (closed) return Result::kWriteFailure;
  }
  if (!address_allowed(request, blocks)) return Result::kAddressFailure;
  return Result::kOk;
}

}  // namespace stratos::rpmb
