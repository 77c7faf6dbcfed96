// SPDX-License-Identifier: Apache-2.0
#include "rpmb_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <stdexcept>
#include <vector>

#include "hosts/rpmb_file.h"
#include "hosts/rpmb_file/create.h"
#include "hosts/rpmb_file/seal_key.h"
#include "machine.h"
#include "rpmb_load.h"
#include "runtime/loop.h"
#include "runtime/unique_fd.h"

namespace stratos::bench {
namespace {

constexpr off_t kFileSize = 4 << 20;
constexpr uint32_t kCapacityUnits = 8;

void need(bool worked, const char* what) {
  if (!worked) throw std::runtime_error(what);
}

template <typename Result>
Result need(Result result) {
  if (!result) throw std::runtime_error(result.error());
  return result;
}

}  // namespace

Latencies durable_writes(const std::string& directory, size_t count, size_t bytes) {
  const runtime::UniqueFd file(
      ::open((directory + "/plain").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const std::vector<std::byte> zeros(static_cast<size_t>(kFileSize));
  need(file && ::pwrite(file.get(), zeros.data(), zeros.size(), 0) == kFileSize &&
           ::fsync(file.get()) == 0,
       "cannot write a file to measure with");
  Latencies latencies(count);
  for (size_t i = 0; i < count; ++i) {
    const uint64_t begin = now_ns();
    need(::pwrite(file.get(), zeros.data(), bytes, 0) == static_cast<ssize_t>(bytes) &&
             ::fdatasync(file.get()) == 0,
         "a plain write failed");
    latencies.add(now_ns() - begin);
  }
  return latencies;
}

Latencies rpmb_writes(const std::string& directory, size_t count, uint16_t blocks) {
  const std::string base = directory + "/rpmb-" + std::to_string(blocks);
  const hosts::RpmbFile::Options options{
      .store = base + ".store", .anchor = base + ".anchor", .key_file = base + ".key"};
  need(rpmb_file::generate_master_key(options.key_file));
  const auto key = need(rpmb_file::read_master_key({.file = options.key_file, .credential = {}}));
  need(rpmb_file::create_store({.store = options.store, .anchor = options.anchor}, *key,
                               kCapacityUnits, std::nullopt));
  const auto loop = need(runtime::Loop::create({}));
  const auto store = need(hosts::RpmbFile::open(**loop, options));
  RpmbLoad load(**store, [&loop] { (*loop)->turn(true); });
  load.program_key();
  load.writes(count / 10, blocks);  // warm up
  return load.writes(count, blocks);
}

}  // namespace stratos::bench
