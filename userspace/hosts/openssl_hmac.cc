// SPDX-License-Identifier: Apache-2.0
#include "hosts/openssl_hmac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstdio>
#include <cstdlib>

namespace stratos::hosts {
namespace {

void need(bool worked) {
  if (worked) return;
  std::fputs("stratos: OpenSSL cannot compute HMAC-SHA256\n", stderr);
  std::abort();
}

const unsigned char* bytes(const std::byte* from) {
  return reinterpret_cast<const unsigned char*>(from);
}

}  // namespace

void OpensslHmac::Release::operator()(evp_mac_ctx_st* context) const { EVP_MAC_CTX_free(context); }

OpensslHmac::OpensslHmac() {
  EVP_MAC* const mac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
  need(mac != nullptr);
  context_.reset(EVP_MAC_CTX_new(mac));  // keeps the algorithm by itself
  EVP_MAC_free(mac);
  need(context_ != nullptr);
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  need(EVP_MAC_CTX_set_params(context_.get(), parameters) == 1);
}

OpensslHmac::~OpensslHmac() { OPENSSL_cleanse(key_.data(), key_.size()); }

void OpensslHmac::begin(const rpmb::Key& key) {
  // Without a key OpenSSL begins anew with the last one, of which it kept the state.
  if (keyed_ && CRYPTO_memcmp(key.data(), key_.data(), key.size()) == 0) {
    need(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1);
    return;
  }
  need(EVP_MAC_init(context_.get(), bytes(key.data()), key.size(), nullptr) == 1);
  key_ = key;
  keyed_ = true;
}

void OpensslHmac::update(std::span<const std::byte> piece) {
  need(EVP_MAC_update(context_.get(), bytes(piece.data()), piece.size()) == 1);
}

rpmb::Mac OpensslHmac::finish() {
  rpmb::Mac mac;
  size_t size = 0;
  need(EVP_MAC_final(context_.get(), reinterpret_cast<unsigned char*>(mac.data()), &size,
                     mac.size()) == 1 &&
       size == mac.size());
  return mac;
}

}  // namespace stratos::hosts
