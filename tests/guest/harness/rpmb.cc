// SPDX-License-Identifier: Apache-2.0

#include "harness/rpmb.h"

#include <fmt/format.h>
#include <openssl/hmac.h>

#include <cstring>
#include <vector>

#include "harness/error.h"
#include "harness/kernel.h"
#include "virtio/endian.h"

namespace stratos::guest {
namespace {

std::string repeat(const std::string& text, size_t size) {
  std::string repeated;
  while (repeated.size() < size) repeated += text;
  repeated.resize(size);
  return repeated;
}

template <typename T, typename Field>
void set(Field& field, T value) {
  static_assert(sizeof(T) == sizeof(Field));
  virtio::store_be(reinterpret_cast<std::byte*>(&field), value);
}

constexpr const char* kLocalFolder = "/var/lib/stratos";

std::string rpmb_device(const std::string& name, const std::string& link, int number,
                        const std::filesystem::path& folder) {
  return fmt::format(R"(
[[device]]
name = "{0}"
type = "rpmb"
link = "{1}"
number = {2}
store = "{3}.rpmb"
anchor = "{3}.anchor"
key_file = "{3}.key"
)",
                     name, link, number, (folder / name).string());
}

}  // namespace

RpmbStore::RpmbStore(const Scratch& scratch, const std::string& name)
    : name_(name),
      store_(scratch.logs() / (name + ".rpmb")),
      anchor_(scratch.logs() / (name + ".anchor")),
      key_(scratch.logs() / (name + ".key")),
      log_(scratch.logs() / (name + ".stratos-rpmb.log")) {
  const bool made =
      run({"generate-key", key_}) == 0 &&
      run({"create", store_, "--anchor", anchor_, "--key-file", key_, "--capacity", "256K"}) == 0;
  if (!made) throw HarnessError("stratos-rpmb failed, see " + log_.string());
}

std::string RpmbStore::device(int number, const std::string& link) const {
  return rpmb_device(name_, link, number, store_.parent_path());
}

bool RpmbStore::verify() const {
  return run({"verify", store_, "--anchor", anchor_, "--key-file", key_}) == 0;
}

int RpmbStore::run(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), built_program("stratos-rpmb"));
  Program tool({.argv = std::move(arguments), .log = log_});
  return tool.wait(in(std::chrono::seconds(30))).value_or(-1);
}

LocalRpmbStore::LocalRpmbStore(Guest& guest, const std::string& name)
    : guest_(&guest), name_(name) {
  guest.must(
      fmt::format("mkdir -p {0}; cd {0} && stratos-rpmb generate-key {1}.key && "
                  "stratos-rpmb create {1}.rpmb --anchor {1}.anchor --key-file {1}.key "
                  "--capacity 256K",
                  kLocalFolder, name));
}

std::string LocalRpmbStore::device(int number) const {
  return rpmb_device(name_, "a", number, kLocalFolder);
}

bool LocalRpmbStore::verify() const {
  const std::string command =
      fmt::format("cd {0} && stratos-rpmb verify {1}.rpmb --anchor {1}.anchor --key-file {1}.key",
                  kLocalFolder, name_);
  return guest_->run(command).status == 0;
}

std::string rpmb_link(const std::filesystem::path& socket) {
  return fmt::format("[[link]]\nname = \"a\"\ntype = \"shm\"\nsocket = \"{}\"\n", socket.string());
}

std::string rpmb_partition(const std::string& node) {
  return fmt::format(R"(
[[device]]
name = "chip"
type = "rpmb-mmc"
link = "a"
number = 0
device = "{}"
capacity = "256K"
max_write_blocks = 16
)",
                     node);
}

void insmod_virtio_rpmb(Guest& guest, const std::string& bus) {
  guest.insmod(bus);
  guest.insmod("virtio_rpmb");
  guest.wait_for_path("/dev/vrpmb0");
}

std::string rpmb_key(const std::string& text) { return repeat(text, VIRTIO_RPMB_KEY_MAC_SIZE); }
std::string rpmb_block(const std::string& text) { return repeat(text, VIRTIO_RPMB_BLOCK_SIZE); }

std::string rpmb_write_frame(const std::string& key, const std::string& block, uint16_t address,
                             uint32_t write_counter, uint16_t type) {
  virtio_rpmb_frame frame{};
  std::memcpy(frame.data, block.data(), sizeof frame.data);
  set(frame.write_counter, write_counter);
  set(frame.address, address);
  set(frame.block_count, uint16_t{1});
  set(frame.req_resp, type);
  const auto* const bytes = reinterpret_cast<const unsigned char*>(&frame);
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes + VIRTIO_RPMB_MAC_OFFSET,
       sizeof frame - VIRTIO_RPMB_MAC_OFFSET, frame.key_mac, nullptr);
  return {reinterpret_cast<const char*>(bytes), sizeof frame};
}

}  // namespace stratos::guest
