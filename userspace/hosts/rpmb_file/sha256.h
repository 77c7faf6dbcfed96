// SPDX-License-Identifier: Apache-2.0
// SHA-256 over pieces, without an allocation.

#pragma once

#include <openssl/sha.h>

#include "hosts/rpmb_file/format.h"

namespace stratos::rpmb_file {

class Sha256 {
 public:
  Sha256();
  Sha256& update(Bytes piece);
  Digest finish();

 private:
  SHA256_CTX context_;
};

}  // namespace stratos::rpmb_file
