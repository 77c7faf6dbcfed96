// SPDX-License-Identifier: Apache-2.0
// One request, out of a descriptor chain: its frames are read once, into memory that
// the driver cannot reach, and its shape is checked.
//
// How the driver cut the chain into descriptors does not matter. A shape that is wrong
// is refused as a whole, before anything is executed.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/rpmb/frame.h"
#include "virtio/chain.h"

namespace stratos::rpmb {

// What is wrong with the shape of a request: the result is GENERAL_FAILURE.
enum class Malformed : uint8_t {
  kNone,
  kNoFrame,       // nothing to read
  kPartialFrame,  // what is to be read are no whole frames
  kType,          // no request that this device knows
  kMixedTypes,    // frames of different requests
  // RESULT_READ that is not the last frame, belongs to no key or write, or whose
  // block_count is not 1
  kResultRead,
  kRoom,    // no room for the response
  kFrames,  // more or fewer frames than block_count says
  kFields,  // frames that differ in what has to be the same in all of them
  kCount,
};

const char* to_string(Malformed malformed);

struct Limits {
  uint16_t max_write_blocks;
  uint16_t max_read_blocks;
  bool device_configuration;
};

struct Request {
  RequestType type = RequestType::kUnknown;
  Malformed malformed = Malformed::kNone;
  bool resumed = false;   // see virtio::Chain::resumed()
  bool answered = false;  // gets a response in its own chain
  uint32_t frames = 0;    // in the private memory, without the RESULT_READ
  uint32_t room = 0;      // frames of the response that the driver has room for
  Fields fields;          // of the first frame
  Mac mac{};              // what the last frame has where keys and MACs lie

  // Changes the store, and leaves its result in the result register.
  bool writes() const {
    return type == RequestType::kProgramKey || type == RequestType::kDataWrite ||
           type == RequestType::kConfigWrite;
  }
};

// Reads `chain` into `memory`, which holds max_write_blocks + 1 frames or more, and two
// in any case. What a longer chain has in the middle is not read: it is refused.
Request read_request(const virtio::Chain& chain, const Limits& limits, std::span<std::byte> memory);

// Frame `index` of those that read_request() left in `memory`.
FrameView frame_at(std::span<const std::byte> memory, size_t index);

}  // namespace stratos::rpmb
