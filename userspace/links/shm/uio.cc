// SPDX-License-Identifier: Apache-2.0
#include "links/shm/uio.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "runtime/fd_watch.h"
#include "runtime/log.h"
#include "runtime/mapping.h"
#include "runtime/unique_fd.h"
#include "virtio/barrier.h"

namespace stratos::links {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "stratos";
constexpr const char* kRegistersName = "registers";
constexpr const char* kRegionName = "region";

// BAR0 of ivshmem v1.
constexpr size_t kPositionRegister = 0x8;
constexpr size_t kDoorbellRegister = 0xc;
constexpr size_t kRegistersEnd = 0x10;

// The first line of a file of sysfs; empty if there is none.
std::string read_line(const fs::path& file) {
  std::string line;
  std::ifstream stream(file);
  std::getline(stream, line);
  return line;
}

// Makes everything written to memory so far visible before a device register is
// written. Pairs with the full barrier of the receiver's step 3 (transport.rst).
void before_register_write() {
#if defined(__aarch64__)
  asm volatile("dmb oshst" ::: "memory");
#else
  virtio::full_barrier();
#endif
}

class UioAttachment final : public Attachment {
 public:
  UioAttachment(runtime::UniqueFd fd, runtime::Mapping registers, runtime::Mapping region,
                const std::string& node)
      : fd_(std::move(fd)),
        registers_(std::move(registers)),
        region_(std::move(region)),
        log_("uio " + node) {}

  std::span<std::byte> region() const override { return region_.bytes(); }

  uint32_t doorbell() const override { return *reg(kPositionRegister) << 16; }

  void ring(uint32_t value) override {
    before_register_write();
    *reg(kDoorbellRegister) = value;
  }

  void listen(runtime::Loop& loop, std::function<void()> callback) override {
    watch_.emplace(loop, fd_.get(), POLLIN, [this, callback = std::move(callback)](int32_t) {
      uint32_t count = 0;
      const ssize_t got = read(fd_.get(), &count, sizeof(count));
      if (got == static_cast<ssize_t>(sizeof(count))) return callback();
      if (errno == EAGAIN) return;
      log_.error("the device is gone: {}", std::strerror(errno));
      watch_.reset();
    });
  }

 private:
  volatile uint32_t* reg(size_t offset) const {
    return reinterpret_cast<volatile uint32_t*>(registers_.bytes().data() + offset);
  }

  runtime::UniqueFd fd_;
  runtime::Mapping registers_;
  runtime::Mapping region_;
  runtime::Log log_;
  std::optional<runtime::FdWatch> watch_;
};

// Map `number` of a UIO device, as the UIO core describes it in `maps`.
std::expected<runtime::Mapping, std::string> map_uio(int fd, const fs::path& maps, unsigned number,
                                                     const char* name, uint64_t least) {
  const fs::path map = maps / fmt::format("map{}", number);
  if (read_line(map / "name") != name) {
    return std::unexpected(fmt::format("{}: is not the {} of uio_stratos", map.string(), name));
  }
  const std::string text = read_line(map / "size");
  uint64_t size = 0;
  if (text.size() > 2) {
    std::from_chars(text.data() + 2, text.data() + text.size(), size, 16);  // after "0x"
  }
  if (size < least) {
    return std::unexpected(fmt::format("{}: \"{}\" is too small", map.string(), text));
  }
  // The UIO core takes the number of the map as a page offset.
  auto mapping = runtime::Mapping::map(fd, size, static_cast<off_t>(number) * getpagesize());
  if (!mapping) {
    return std::unexpected(
        fmt::format("cannot map {}: {}", map.string(), mapping.error().message()));
  }
  return std::move(*mapping);
}

}  // namespace

std::expected<fs::path, std::string> find_uio(const std::string& spec, const UioPaths& paths) {
  if (spec != "auto") return fs::path(spec);
  std::vector<fs::path> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(paths.classes, error)) {
    if (read_line(entry.path() / "name") == kName) {
      found.push_back(paths.devices / entry.path().filename());
    }
  }
  if (found.empty()) {
    return std::unexpected(fmt::format(
        "{}: no UIO device \"{}\"; load uio_stratos, and see that the VM has an ivshmem device",
        paths.classes.string(), kName));
  }
  if (found.size() > 1) {
    return std::unexpected(fmt::format("{} UIO devices are \"{}\"; name one, such as \"{}\"",
                                       found.size(), kName, found.front().string()));
  }
  return found.front();
}

std::expected<std::unique_ptr<Attachment>, std::string> open_uio(const fs::path& node,
                                                                 const UioPaths& paths) {
  runtime::UniqueFd fd(open(node.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) {
    const char* hint = errno == EBUSY ? " (another helper has it)" : "";
    return std::unexpected(
        fmt::format("cannot open {}: {}{}", node.string(), std::strerror(errno), hint));
  }
  const fs::path maps = paths.classes / node.filename() / "maps";
  auto registers = map_uio(fd.get(), maps, 0, kRegistersName, kRegistersEnd);
  if (!registers) return std::unexpected(std::move(registers.error()));
  auto region = map_uio(fd.get(), maps, 1, kRegionName, virtio::kPageSize);
  if (!region) return std::unexpected(std::move(region.error()));
  return std::make_unique<UioAttachment>(std::move(fd), std::move(*registers), std::move(*region),
                                         node.string());
}

}  // namespace stratos::links
