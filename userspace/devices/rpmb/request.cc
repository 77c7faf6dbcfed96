// SPDX-License-Identifier: Apache-2.0
#include "devices/rpmb/request.h"

#include <algorithm>

namespace stratos::rpmb {
namespace {

constexpr uint16_t kResultRead = VIRTIO_RPMB_REQ_RESULT_READ;

RequestType known_type(uint16_t type, const Limits& limits) {
  const auto last =
      limits.device_configuration ? RequestType::kConfigRead : RequestType::kResultRead;
  return type <= static_cast<uint16_t>(last) ? static_cast<RequestType>(type)
                                             : RequestType::kUnknown;
}

// What every frame of a request says anew.
bool same_fields(const Fields& a, const Fields& b) {
  return a.write_counter == b.write_counter && a.address == b.address &&
         a.block_count == b.block_count;
}

// Looks at the frames themselves: `kept` of them are in `memory`, of which the last is
// the last of the chain.
Malformed check_frames(Request& request, std::span<const std::byte> memory, size_t kept) {
  if (request.type == RequestType::kUnknown) return Malformed::kType;
  const Fields last = fields_of(frame_at(memory, kept - 1));
  const bool result_read = kept > 1 && last.type == kResultRead;
  if (result_read) {
    if (!request.writes()) return Malformed::kResultRead;
    --request.frames;
    --kept;
    request.answered = true;
    if (last.block_count != 1) return Malformed::kResultRead;
  }
  request.mac = key_mac_of(frame_at(memory, kept - 1));
  Malformed found = Malformed::kNone;
  for (size_t i = 1; i < kept; ++i) {
    const Fields fields = fields_of(frame_at(memory, i));
    if (fields.type == kResultRead) return Malformed::kResultRead;
    if (fields.type != request.fields.type) return Malformed::kMixedTypes;
    if (!same_fields(fields, request.fields)) found = Malformed::kFields;
  }
  return found;
}

// Only a data write has a frame for each block.
bool frames_as_counted(const Request& request) {
  if (request.type != RequestType::kDataWrite) return request.frames == 1;
  return request.frames == request.fields.block_count;
}

bool has_room(const Request& request, const Limits& limits) {
  if (!request.answered) return true;
  const uint32_t blocks = request.fields.block_count;
  const bool many = request.type == RequestType::kDataRead && blocks <= limits.max_read_blocks;
  return request.room >= (many ? std::max<uint32_t>(blocks, 1) : 1);
}

}  // namespace

const char* to_string(Malformed malformed) {
  switch (malformed) {
    case Malformed::kNone:
    case Malformed::kCount:
      break;
    case Malformed::kNoFrame:
      return "no frame";
    case Malformed::kPartialFrame:
      return "no whole frames";
    case Malformed::kType:
      return "unknown type";
    case Malformed::kMixedTypes:
      return "mixed types";
    case Malformed::kResultRead:
      return "misplaced RESULT_READ";
    case Malformed::kRoom:
      return "no room for the response";
    case Malformed::kFrames:
      return "frames are not block_count";
    case Malformed::kFields:
      return "frames differ";
  }
  return "none";
}

FrameView frame_at(std::span<const std::byte> memory, size_t index) {
  return FrameView(memory.subspan(index * kFrameSize, kFrameSize));
}

Request read_request(const virtio::Chain& chain, const Limits& limits,
                     std::span<std::byte> memory) {
  Request request;
  request.resumed = chain.resumed();
  request.room = static_cast<uint32_t>(chain.writable_size() / kFrameSize);
  request.answered = true;
  if (chain.readable_size() == 0) {
    request.malformed = Malformed::kNoFrame;
    return request;
  }
  if (chain.readable_size() % kFrameSize != 0) {
    request.malformed = Malformed::kPartialFrame;
    return request;
  }
  const auto frames = static_cast<uint32_t>(chain.readable_size() / kFrameSize);
  const size_t kept = std::min<size_t>(frames, memory.size() / kFrameSize);
  const size_t in_one = kept == frames ? kept : kept - 1;
  chain.read(0, memory.first(in_one * kFrameSize));
  if (in_one != kept) {
    chain.read((frames - uint64_t{1}) * kFrameSize,
               memory.subspan(in_one * kFrameSize, kFrameSize));
  }
  request.frames = frames;
  request.fields = fields_of(frame_at(memory, 0));
  request.type = known_type(request.fields.type, limits);
  request.answered = !request.writes();
  request.malformed = check_frames(request, memory, kept);
  if (request.malformed == Malformed::kNone || request.malformed == Malformed::kFields) {
    if (!has_room(request, limits)) {
      request.malformed = Malformed::kRoom;
    } else if (!frames_as_counted(request)) {
      request.malformed = Malformed::kFrames;
    }
  }
  // A driver that got the shape wrong hears of it, whether it asked or not.
  if (request.malformed != Malformed::kNone) request.answered = true;
  return request;
}

}  // namespace stratos::rpmb
