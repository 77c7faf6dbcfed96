// SPDX-License-Identifier: Apache-2.0
#include "hosts/rpmb_file/file_medium.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "hosts/rpmb_file/last_error.h"

namespace stratos::rpmb_file {
namespace {

std::unexpected<std::string> refuse(const std::string& path, const std::string& why) {
  return std::unexpected(fmt::format("{}: {}", path, why));
}

}  // namespace

std::expected<FileMedium::File, std::string> FileMedium::open_one(
    const std::string& path, runtime::LockKind kind, std::chrono::milliseconds patience) {
  const int access = kind == runtime::LockKind::kExclusive ? O_RDWR : O_RDONLY;
  runtime::UniqueFd fd(::open(path.c_str(), access | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd && errno == ENOENT) {
    return refuse(path, "does not exist; make one with stratos-rpmb create, or mount its disk");
  }
  if (!fd) return refuse(path, "cannot open: " + last_error().message());
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return refuse(path, last_error().message());
  if (!S_ISREG(status.st_mode)) return refuse(path, "is no regular file");
  if ((status.st_mode & S_IRWXO) != 0) {
    return refuse(path, fmt::format("others may use it; chmod o= {}", path));
  }
  const auto error = runtime::lock_file(fd.get(), kind, patience);
  if (error == std::errc::operation_would_block) {
    return refuse(path, "in use by another process; stop it, or give each guest its own store");
  }
  if (error) return refuse(path, "cannot lock: " + error.message());
  // Only now nobody else changes it.
  if (fstat(fd.get(), &status) != 0) return refuse(path, last_error().message());
  return File{.path = path, .fd = std::move(fd), .size = static_cast<uint64_t>(status.st_size)};
}

std::expected<std::unique_ptr<FileMedium>, std::string> FileMedium::open(
    const FilePaths& paths, runtime::LockKind kind, std::chrono::milliseconds patience) {
  if (paths.store == paths.anchor) {
    return refuse(paths.store, "store and anchor are the same file; give each its own");
  }
  auto store = open_one(paths.store, kind, patience);
  if (!store) return std::unexpected(std::move(store.error()));
  File anchor;
  if (!paths.anchor.empty()) {
    auto opened = open_one(paths.anchor, kind, patience);
    if (!opened) return std::unexpected(std::move(opened.error()));
    anchor = std::move(*opened);
  }
  return std::unique_ptr<FileMedium>(new FileMedium(std::move(*store), std::move(anchor)));
}

std::expected<std::unique_ptr<FileMedium>, std::string> FileMedium::open_anchor(
    const std::string& path, runtime::LockKind kind, std::chrono::milliseconds patience) {
  auto anchor = open_one(path, kind, patience);
  if (!anchor) return std::unexpected(std::move(anchor.error()));
  return std::unique_ptr<FileMedium>(new FileMedium({}, std::move(*anchor)));
}

FileMedium::FileMedium(File store, File anchor)
    : store_(std::move(store)), anchor_(std::move(anchor)) {}

std::error_code FileMedium::read(Role file, uint64_t offset, std::span<std::byte> into) {
  while (!into.empty()) {
    const ssize_t size = pread(fd(file), into.data(), into.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return last_error();
    if (size == 0) return {EIO, std::system_category()};  // shorter than it was
    into = into.subspan(static_cast<size_t>(size));
    offset += static_cast<uint64_t>(size);
  }
  return {};
}

std::error_code FileMedium::write(std::span<const Write> writes) {
  for (const Write& write : writes) {
    if (const auto error = write_all(fd(write.file), write.offset, write.bytes)) return error;
  }
  for (const File* file : {&store_, &anchor_}) {
    if (file->fd && fdatasync(file->fd.get()) != 0) return last_error();
  }
  return {};
}

void FileMedium::bypass_cache() {
  for (File* file : {&store_, &anchor_}) {
    struct statx status {};
    if (statx(file->fd.get(), "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) != 0) continue;
    if ((status.stx_mask & STATX_DIOALIGN) == 0 || status.stx_dio_offset_align == 0 ||
        status.stx_dio_offset_align > kPageSize || status.stx_dio_mem_align > kPageSize) {
      continue;
    }
    const int flags = fcntl(file->fd.get(), F_GETFL);
    file->direct = fcntl(file->fd.get(), F_SETFL, flags | O_DIRECT) == 0;
  }
}

std::error_code write_all(int fd, uint64_t offset, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t size = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return last_error();
    bytes = bytes.subspan(static_cast<size_t>(size));
    offset += static_cast<uint64_t>(size);
  }
  return {};
}

}  // namespace stratos::rpmb_file
