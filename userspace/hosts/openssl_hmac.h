// SPDX-License-Identifier: Apache-2.0
// HMAC-SHA256 for the RPMB model, by OpenSSL.

#pragma once

#include <memory>

#include "devices/rpmb/hmac.h"

// OpenSSL's own names for EVP_MAC_CTX.
extern "C" struct evp_mac_ctx_st;

namespace stratos::hosts {

// Allocates when a key is seen for the first time, not when the last one is used again.
// A library that cannot hash ends the process: there is nothing that a caller could do,
// and a made-up MAC might be the one that somebody hopes for.
class OpensslHmac final : public rpmb::Hmac {
 public:
  OpensslHmac();
  ~OpensslHmac();
  OpensslHmac(const OpensslHmac&) = delete;
  OpensslHmac& operator=(const OpensslHmac&) = delete;

  void begin(const rpmb::Key& key) override;
  void update(std::span<const std::byte> piece) override;
  rpmb::Mac finish() override;

 private:
  struct Release {
    void operator()(evp_mac_ctx_st* context) const;
  };
  std::unique_ptr<evp_mac_ctx_st, Release> context_;
  rpmb::Key key_{};
  bool keyed_ = false;
};

}  // namespace stratos::hosts
