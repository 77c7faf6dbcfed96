// SPDX-License-Identifier: Apache-2.0
#include "hosts/rpmb_file/seal_key.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "hosts/rpmb_file/file_medium.h"
#include "hosts/rpmb_file/hex.h"
#include "hosts/rpmb_file/last_error.h"
#include "runtime/unique_fd.h"

namespace stratos::rpmb_file {
namespace {

std::unexpected<std::string> refuse_key(const std::string& path, std::string_view why) {
  return std::unexpected(fmt::format("{}: {}", path, why));
}

std::expected<std::string, std::string> path_of(const KeySource& source) {
  if (source.file.empty() == source.credential.empty()) {
    return std::unexpected("the sealing key: give either a key file or a credential");
  }
  if (!source.file.empty()) return source.file;
  if (source.credential.find('/') != std::string::npos) {
    return refuse_key(source.credential, "a credential is a name, not a path");
  }
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr) {
    return refuse_key(source.credential,
                      "no credentials were handed over; put LoadCredential= into the unit");
  }
  return fmt::format("{}/{}", directory, source.credential);
}

std::expected<MasterKey, std::string> parse(const std::string& path, std::string_view text) {
  MasterKey key;
  if (text.size() == key.size()) {
    std::transform(text.begin(), text.end(), key.begin(),
                   [](char letter) { return std::byte(letter); });
    return key;
  }
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (const auto digits = from_hex<key.size()>(text)) return *digits;
  return refuse_key(path,
                    "is no key: 32 bytes or 64 hexadecimal digits; see "
                    "stratos-rpmb generate-key");
}

}  // namespace

std::expected<MasterKey, std::string> read_master_key(const KeySource& source) {
  const auto path = path_of(source);
  if (!path) return std::unexpected(path.error());
  const runtime::UniqueFd fd(::open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0) {
    return refuse_key(*path,
                      fmt::format("cannot open the sealing key: {}", last_error().message()));
  }
  if (!S_ISREG(status.st_mode)) return refuse_key(*path, "the sealing key is no regular file");
  if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
    return refuse_key(*path,
                      fmt::format("the sealing key is open to others; chmod 0400 {}", *path));
  }
  std::array<char, 128> text;
  const ssize_t size = ::read(fd.get(), text.data(), text.size());
  if (size < 0) return refuse_key(*path, last_error().message());
  auto key = parse(*path, {text.data(), static_cast<size_t>(size)});
  OPENSSL_cleanse(text.data(), text.size());
  return key;
}

std::expected<void, std::string> generate_master_key(const std::string& path) {
  MasterKey key;
  if (!fill_random(key))
    return refuse_key(path, "the kernel gives no random bytes: " + last_error().message());
  const runtime::UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400));
  if (!fd && errno == EEXIST) return refuse_key(path, "exists; a key is never overwritten");
  if (!fd) return refuse_key(path, "cannot create: " + last_error().message());
  std::string text = to_hex(key) + '\n';
  const auto error = write_all(fd.get(), 0, std::as_bytes(std::span(text)));
  OPENSSL_cleanse(text.data(), text.size());
  OPENSSL_cleanse(key.data(), key.size());
  if (!error && fsync(fd.get()) == 0) return {};
  const std::string why = error ? error.message() : last_error().message();
  unlink(path.c_str());
  return refuse_key(path, "cannot write: " + why);
}

}  // namespace stratos::rpmb_file
