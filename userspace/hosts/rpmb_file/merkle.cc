// SPDX-License-Identifier: Apache-2.0
#include "hosts/rpmb_file/merkle.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "hosts/rpmb_file/sha256.h"

namespace stratos::rpmb_file {
namespace {

constexpr std::byte kLeaf[] = {std::byte{0}};
constexpr std::byte kNode[] = {std::byte{1}};

Digest leaf_of(Bytes page) { return Sha256().update(kLeaf).update(page).finish(); }

Digest zero_leaf() {
  const std::array<std::byte, kPageSize> page{};
  return leaf_of(page);
}

}  // namespace

bool is_zero(Bytes bytes) {
  return bytes.empty() || (bytes[0] == std::byte{} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

MerkleTree::MerkleTree(Bytes data)
    : leaves_(std::bit_ceil(data.size() / kPageSize)), nodes_(2 * leaves_) {
  // Most of a young store is zero.
  const Digest zero = zero_leaf();
  for (size_t i = 0; i * kPageSize < data.size(); ++i) {
    const Bytes page = data.subspan(i * kPageSize, kPageSize);
    nodes_[leaves_ + i] = is_zero(page) ? zero : leaf_of(page);
  }
  rebuild_above(0, leaves_ - 1);
}

const Digest& MerkleTree::replace(Bytes data, size_t offset, Bytes blocks) {
  if (blocks.empty()) return root();
  const size_t end = offset + blocks.size();
  const size_t first = offset / kPageSize;
  const size_t last = (end - 1) / kPageSize;
  for (size_t i = first; i <= last; ++i) {
    const size_t page = i * kPageSize;
    const size_t from = std::max(page, offset);
    const size_t to = std::min(page + kPageSize, end);
    nodes_[leaves_ + i] = Sha256()
                              .update(kLeaf)
                              .update(data.subspan(page, from - page))
                              .update(blocks.subspan(from - offset, to - from))
                              .update(data.subspan(to, page + kPageSize - to))
                              .finish();
  }
  rebuild_above(first, last);
  return root();
}

// `first` to `last` are numbers of leaves.
void MerkleTree::rebuild_above(size_t first, size_t last) {
  for (size_t low = leaves_ + first, high = leaves_ + last; low > 1;) {
    low /= 2;
    high /= 2;
    for (size_t i = low; i <= high; ++i) {
      nodes_[i] = Sha256().update(kNode).update(nodes_[2 * i]).update(nodes_[2 * i + 1]).finish();
    }
  }
}

}  // namespace stratos::rpmb_file
