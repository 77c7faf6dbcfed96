// SPDX-License-Identifier: Apache-2.0
// EVP_DigestInit_ex() allocates at each start, so this takes the functions below it,
// which OpenSSL 3 still has but advises against.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "hosts/rpmb_file/sha256.h"

namespace stratos::rpmb_file {

Sha256::Sha256() { SHA256_Init(&context_); }

Sha256& Sha256::update(Bytes piece) {
  SHA256_Update(&context_, piece.data(), piece.size());
  return *this;
}

Digest Sha256::finish() {
  Digest digest;
  SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), &context_);
  return digest;
}

}  // namespace stratos::rpmb_file
