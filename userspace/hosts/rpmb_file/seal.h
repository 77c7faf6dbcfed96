// SPDX-License-Identifier: Apache-2.0
// Sealing: AES-256-GCM under a key that is derived for one store.

#pragma once

#include <expected>
#include <memory>
#include <span>
#include <string>

#include "hosts/rpmb_file/format.h"

struct evp_cipher_ctx_st;

namespace stratos::rpmb_file {

// The secret that a key file or a credential holds.
using MasterKey = std::array<std::byte, 32>;

class Seal {
 public:
  // Two keys come from `master` by HKDF-SHA256, with the store's uuid as salt: the one
  // that seals, and an id by which a file says which master key it wants.
  static std::expected<Seal, std::string> derive(const MasterKey& master, const Uuid& uuid);

  const KeyId& key_id() const { return key_id_; }

  // Encrypts `text` in place and authenticates it along with `context`. A nonce must
  // never come twice. False: OpenSSL failed. Does not allocate.
  bool seal(const Nonce& nonce, Bytes context, std::span<std::byte> text, Tag& tag);
  // Decrypts in place; false if it is not what was sealed, and `text` is garbage then.
  bool open(const Nonce& nonce, Bytes context, std::span<std::byte> text, const Tag& tag);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  using Cipher = std::unique_ptr<evp_cipher_ctx_st, Free>;

  Seal(Cipher encrypt, Cipher decrypt, const KeyId& key_id);

  Cipher encrypt_;
  Cipher decrypt_;
  KeyId key_id_;
};

// The superblock's page as it goes to the disk, with a nonce of its own; false if the
// kernel has no random bytes or OpenSSL failed.
bool seal_superblock(Seal& seal, Superblock superblock, SuperblockPage& page);
// Whether the page is as it was sealed.
bool open_superblock(Seal& seal, const Superblock& superblock, const SuperblockPage& page);

// Random bytes of the kernel.
bool fill_random(std::span<std::byte> bytes);

}  // namespace stratos::rpmb_file
