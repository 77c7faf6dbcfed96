// SPDX-License-Identifier: Apache-2.0
#include "hosts/rpmb_file/create.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>
#include <vector>

#include "hosts/rpmb_file/last_error.h"
#include "hosts/rpmb_file/merkle.h"
#include "hosts/rpmb_file/record.h"
#include "runtime/mapping.h"
#include "runtime/unique_fd.h"

namespace stratos::rpmb_file {
namespace {

constexpr size_t kFillSize = 64 * 1024;

std::unexpected<std::string> cannot(const std::string& path, const std::string& why) {
  return std::unexpected(fmt::format("{}: cannot create: {}", path, why));
}

std::error_code sync(int fd) { return fsync(fd) == 0 ? std::error_code() : last_error(); }

// Zeros that are written, not holes: a commit must neither run out of room nor wait
// for the file system's own journal.
std::error_code fill(int fd, uint64_t size) {
  const std::vector<std::byte> zeros(kFillSize);
  for (uint64_t at = 0; at < size; at += zeros.size()) {
    const auto piece = Bytes(zeros).first(std::min<uint64_t>(zeros.size(), size - at));
    if (const auto error = write_all(fd, at, piece)) return error;
  }
  return {};
}

// The superblock last: a file without one is no store.
std::error_code write_content(int fd, const NewFile& content, const SuperblockPage& superblock) {
  auto error = fill(fd, file_size(content.superblock.role, content.superblock.capacity_units));
  if (!error) error = write_all(fd, slot_offset(slot_of(content.sequence)), content.record);
  if (!error) error = write_all(fd, kDataOffset, content.data);
  if (!error) error = sync(fd);
  if (!error) error = write_all(fd, 0, superblock);
  if (!error) error = sync(fd);
  return error;
}

std::error_code sync_directory_of(const std::string& path) {
  auto directory = std::filesystem::path(path).parent_path();
  if (directory.empty()) directory = ".";
  const runtime::UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd ? sync(fd.get()) : last_error();
}

}  // namespace

std::expected<void, std::string> make_file(const std::string& path, Seal& seal,
                                           const NewFile& content) {
  SuperblockPage superblock;
  if (!seal_superblock(seal, content.superblock, superblock)) {
    return cannot(path, "the superblock cannot be sealed");
  }
  const runtime::UniqueFd fd(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd && errno == EEXIST) {
    return std::unexpected(fmt::format(
        "{}: exists and is not overwritten; move it away or choose another path", path));
  }
  if (!fd) return cannot(path, last_error().message());
  auto error = write_content(fd.get(), content, superblock);
  if (!error) error = sync_directory_of(path);
  if (!error) return {};
  unlink(path.c_str());
  return cannot(path, error.message());
}

std::expected<void, std::string> create_store(const FilePaths& paths, const MasterKey& master,
                                              uint32_t capacity_units,
                                              const std::optional<Cid>& cid) {
  Superblock superblock{.capacity_units = capacity_units};
  if (!fill_random(superblock.uuid) || !fill_random(superblock.cid)) {
    return cannot(paths.store, "the kernel gives no random bytes");
  }
  if (cid) superblock.cid = *cid;
  auto seal = Seal::derive(master, superblock.uuid);
  if (!seal) return std::unexpected(std::move(seal.error()));
  superblock.key_id = seal->key_id();
  const auto zeros = runtime::Mapping::anonymous(size_t{capacity_units} * kCapacityUnit);
  if (!zeros) return cannot(paths.store, zeros.error().message());
  const RecordHeader header{.sequence = 1, .uuid = superblock.uuid, .previous = {}, .nonce = {}};
  const SealedState sealed{.state = {}, .root = MerkleTree(zeros->bytes()).root()};
  std::vector<std::byte> buffer(kSlotSize);
  Tag tag;
  const Bytes record = seal_record(*seal, header, sealed, {}, buffer, tag);
  if (record.empty()) return cannot(paths.store, "the first record cannot be sealed");

  NewFile file{.superblock = superblock, .sequence = header.sequence, .record = record, .data = {}};
  file.superblock.role = Role::kAnchor;
  if (auto made = make_file(paths.anchor, *seal, file); !made) return made;
  file.superblock.role = Role::kStore;
  auto made = make_file(paths.store, *seal, file);
  if (!made) unlink(paths.anchor.c_str());
  return made;
}

}  // namespace stratos::rpmb_file
