// SPDX-License-Identifier: Apache-2.0
#include "hosts/rpmb_file/seal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

namespace stratos::rpmb_file {
namespace {

constexpr std::string_view kSealPurpose = "stratos-rpmb seal 1";
constexpr std::string_view kIdPurpose = "stratos-rpmb key id 1";

unsigned char* raw(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }
const unsigned char* raw(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}

OSSL_PARAM octets(const char* name, const void* data, size_t size) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<void*>(data), size);
}

// RFC 5869 with SHA-256.
bool hkdf(const MasterKey& master, const Uuid& uuid, std::string_view purpose,
          std::span<std::byte> out) {
  EVP_KDF* algorithm = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  EVP_KDF_CTX* context = EVP_KDF_CTX_new(algorithm);
  EVP_KDF_free(algorithm);
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      octets(OSSL_KDF_PARAM_KEY, master.data(), master.size()),
      octets(OSSL_KDF_PARAM_SALT, uuid.data(), uuid.size()),
      octets(OSSL_KDF_PARAM_INFO, purpose.data(), purpose.size()),
      OSSL_PARAM_construct_end(),
  };
  const bool done =
      context != nullptr && EVP_KDF_derive(context, raw(out.data()), out.size(), parameters) == 1;
  EVP_KDF_CTX_free(context);
  return done;
}

}  // namespace

void Seal::Free::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

std::expected<Seal, std::string> Seal::derive(const MasterKey& master, const Uuid& uuid) {
  std::array<std::byte, 32> key;
  KeyId id;
  bool ready = hkdf(master, uuid, kSealPurpose, key) && hkdf(master, uuid, kIdPurpose, id);
  Cipher encrypt(EVP_CIPHER_CTX_new());
  Cipher decrypt(EVP_CIPHER_CTX_new());
  EVP_CIPHER* algorithm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  ready = ready && encrypt && decrypt && algorithm != nullptr &&
          EVP_EncryptInit_ex2(encrypt.get(), algorithm, raw(key.data()), nullptr, nullptr) == 1 &&
          EVP_DecryptInit_ex2(decrypt.get(), algorithm, raw(key.data()), nullptr, nullptr) == 1;
  EVP_CIPHER_free(algorithm);
  OPENSSL_cleanse(key.data(), key.size());
  if (!ready) return std::unexpected("OpenSSL cannot do HKDF-SHA256 and AES-256-GCM");
  return Seal(std::move(encrypt), std::move(decrypt), id);
}

Seal::Seal(Cipher encrypt, Cipher decrypt, const KeyId& key_id)
    : encrypt_(std::move(encrypt)), decrypt_(std::move(decrypt)), key_id_(key_id) {}

bool Seal::seal(const Nonce& nonce, Bytes context, std::span<std::byte> text, Tag& tag) {
  EVP_CIPHER_CTX* cipher = encrypt_.get();
  unsigned char* at = raw(text.data());
  int size = 0;
  return EVP_EncryptInit_ex2(cipher, nullptr, nullptr, raw(nonce.data()), nullptr) == 1 &&
         EVP_EncryptUpdate(cipher, nullptr, &size, raw(context.data()),
                           static_cast<int>(context.size())) == 1 &&
         (text.empty() ||
          EVP_EncryptUpdate(cipher, at, &size, at, static_cast<int>(text.size())) == 1) &&
         EVP_EncryptFinal_ex(cipher, at, &size) == 1 &&
         EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, sizeof(Tag), tag.data()) == 1;
}

bool Seal::open(const Nonce& nonce, Bytes context, std::span<std::byte> text, const Tag& tag) {
  EVP_CIPHER_CTX* cipher = decrypt_.get();
  unsigned char* at = raw(text.data());
  Tag expected = tag;  // OpenSSL takes it without const
  int size = 0;
  return EVP_DecryptInit_ex2(cipher, nullptr, nullptr, raw(nonce.data()), nullptr) == 1 &&
         EVP_DecryptUpdate(cipher, nullptr, &size, raw(context.data()),
                           static_cast<int>(context.size())) == 1 &&
         (text.empty() ||
          EVP_DecryptUpdate(cipher, at, &size, at, static_cast<int>(text.size())) == 1) &&
         EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, sizeof(Tag), expected.data()) == 1 &&
         EVP_DecryptFinal_ex(cipher, at, &size) == 1;
}

bool seal_superblock(Seal& seal, Superblock superblock, SuperblockPage& page) {
  if (!fill_random(superblock.nonce)) return false;
  encode(superblock, page);
  Tag tag;
  if (!seal.seal(superblock.nonce, Bytes(page).first(kSuperblockTagOffset), {}, tag)) return false;
  std::copy(tag.begin(), tag.end(), page.begin() + kSuperblockTagOffset);
  return true;
}

bool open_superblock(Seal& seal, const Superblock& superblock, const SuperblockPage& page) {
  Tag tag;
  std::copy_n(page.begin() + kSuperblockTagOffset, tag.size(), tag.begin());
  return seal.open(superblock.nonce, Bytes(page).first(kSuperblockTagOffset), {}, tag);
}

bool fill_random(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t size = getrandom(bytes.data(), bytes.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(size));
  }
  return true;
}

}  // namespace stratos::rpmb_file
