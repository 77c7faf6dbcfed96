// SPDX-License-Identifier: Apache-2.0
// The vectors of RFC 4231 whose key fits into 32 bytes: a shorter key is one that ends
// with zeros (RFC 2104, 2).

#include "hosts/openssl_hmac.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace stratos::test {
namespace {

struct Vector {
  const char* name;
  std::string key;
  std::string data;
  std::string_view mac;
};

void PrintTo(const Vector& row, std::ostream* out) { *out << row.name; }

const Vector kVectors[] = {
    {"Case1", std::string(20, '\x0b'), "Hi There",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"Case2", "Jefe", "what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"Case3", std::string(20, '\xaa'), std::string(50, '\xdd'),
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {"Case4",
     "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17"
     "\x18\x19",
     std::string(50, '\xcd'), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
};

rpmb::Key key_of(std::string_view text) {
  rpmb::Key key{};
  std::transform(text.begin(), text.end(), key.begin(), [](char c) { return std::byte(c); });
  return key;
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string hex(const rpmb::Mac& mac) {
  std::string text;
  for (const std::byte byte : mac) {
    char digits[3] = {};
    std::snprintf(digits, sizeof(digits), "%02x", std::to_integer<unsigned>(byte));
    text += digits;
  }
  return text;
}

class OpensslHmac : public testing::TestWithParam<Vector> {};

TEST_P(OpensslHmac, Rfc4231) {
  hosts::OpensslHmac hmac;
  hmac.begin(key_of(GetParam().key));
  hmac.update(bytes_of(GetParam().data));
  EXPECT_EQ(hex(hmac.finish()), GetParam().mac);
}

TEST_P(OpensslHmac, AnyPieces) {
  hosts::OpensslHmac hmac;
  hmac.begin(key_of(GetParam().key));
  for (const char& c : GetParam().data) hmac.update(bytes_of({&c, 1}));
  hmac.update({});
  EXPECT_EQ(hex(hmac.finish()), GetParam().mac);
}

INSTANTIATE_TEST_SUITE_P(Vectors, OpensslHmac, testing::ValuesIn(kVectors),
                         [](const auto& row) { return row.param.name; });

// One object, as a device uses it: the same key again, another one, one that was left
// in the middle.
TEST(OpensslHmacObject, IsUsedAgain) {
  hosts::OpensslHmac hmac;
  for (int round = 0; round < 3; ++round) {
    for (const Vector& vector : kVectors) {
      for (int again = 0; again < 3; ++again) {
        hmac.begin(key_of(vector.key));
        hmac.update(bytes_of("given up"));
        hmac.begin(key_of(vector.key));
        hmac.update(bytes_of(vector.data));
        EXPECT_EQ(hex(hmac.finish()), vector.mac);
      }
    }
  }
}

}  // namespace
}  // namespace stratos::test
