// SPDX-License-Identifier: Apache-2.0
// A Merkle tree over the pages of the data: one digest that changes with any bit.
//
// leaf = SHA-256(0x00, page), node = SHA-256(0x01, left, right). The leaves are filled
// up to a power of two with digests of zeros. Kept in memory only.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "hosts/rpmb_file/format.h"

namespace stratos::rpmb_file {

class MerkleTree {
 public:
  // `data` is whole pages.
  explicit MerkleTree(Bytes data);

  const Digest& root() const { return nodes_[1]; }

  // The root after `blocks` replaced what `data` has from `offset` on. `data` itself is
  // as yet unchanged; the tree is not. Does not allocate.
  const Digest& replace(Bytes data, size_t offset, Bytes blocks);

 private:
  void rebuild_above(size_t first, size_t last);

  size_t leaves_;              // a power of two
  std::vector<Digest> nodes_;  // children of i at 2i and 2i + 1; leaves from leaves_ on
};

// Whether it is all zeros.
bool is_zero(Bytes bytes);

}  // namespace stratos::rpmb_file
