// SPDX-License-Identifier: Apache-2.0
// The port through which the RPMB model computes a MAC: OpenSSL in the helper, a hash
// engine on an island.

#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace stratos::rpmb {

using Key = std::array<std::byte, 32>;
using Mac = std::array<std::byte, 32>;

// HMAC-SHA256 (RFC 2104 with FIPS 180-4) over pieces that are handed in one after another.
class Hmac {
 public:
  virtual void begin(const Key& key) = 0;
  virtual void update(std::span<const std::byte> piece) = 0;
  virtual Mac finish() = 0;

 protected:
  ~Hmac() = default;
};

}  // namespace stratos::rpmb
