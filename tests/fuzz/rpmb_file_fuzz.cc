// SPDX-License-Identifier: Apache-2.0
// What the files of an RPMB store say before anything of it is authenticated.
#include <algorithm>

#include "hosts/rpmb_file/format.h"
#include "input.h"

namespace stratos::fuzz {
namespace {

using namespace rpmb_file;

template <size_t kSize>
std::array<std::byte, kSize> take(Input& input) {
  std::array<std::byte, kSize> bytes{};
  std::ranges::copy(input.bytes(kSize), bytes.begin());
  return bytes;
}

void run(Input& input) {
  if (input.chance()) {
    const auto page = take<kSuperblockSize>(input);
    const auto superblock = decode_superblock(page);
    if (!superblock) return;
    require(superblock->capacity_units >= 1 && superblock->capacity_units <= kMaxCapacityUnits);
    SuperblockPage again{};
    encode(*superblock, again);
    require(decode_superblock(again).has_value());
  } else {
    const uint32_t blocks = input.up_to(rpmb::kMaxBlocks);
    const auto bytes = take<kHeaderSize>(input);
    const auto header = decode_header(bytes, blocks);
    if (!header) return;
    require(header->count <= rpmb::kMaxCommitBlocks);
    require(uint64_t{header->address} + header->count <= blocks);
    std::array<std::byte, kHeaderSize> again{};
    encode(*header, again);
    const auto second = decode_header(again, blocks);
    require(second && second->sequence == header->sequence && second->count == header->count &&
            second->address == header->address && second->complete == header->complete);
  }
}

}  // namespace
}  // namespace stratos::fuzz

STRATOS_FUZZER(stratos::fuzz::run)
