// SPDX-License-Identifier: Apache-2.0
// loopback-abuse - what a program may try on /dev/virtio-msg-loopback, one line each:
// the case, and how it ended: "ok", or the name of the error.

#include <fcntl.h>
#include <linux/virtio_msg_loopback.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>

#include "virtio/amp_layout.h"

namespace {

namespace virtio = stratos::virtio;

constexpr size_t kPage = 4096;
constexpr size_t kSize = size_t{1} << 20;

// An open file, for one case or a few that belong together.
class File {
 public:
  explicit File(int flags = O_RDWR | O_NONBLOCK)
      : fd_(open("/dev/virtio-msg-loopback", flags | O_CLOEXEC)) {}
  ~File() {
    if (region_ != MAP_FAILED) munmap(region_, kSize);
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  long create(uint64_t size, uint32_t flags = 0, uint32_t reserved = 0) const {
    const virtio_msg_loopback_create request{.size = size, .flags = flags, .reserved = reserved};
    return ioctl(fd_, VIRTIO_MSG_LOOPBACK_CREATE, &request);
  }
  long start() const { return ioctl(fd_, VIRTIO_MSG_LOOPBACK_START); }
  long info(virtio_msg_loopback_info& info) const {
    return ioctl(fd_, VIRTIO_MSG_LOOPBACK_INFO, &info);
  }
  long control(unsigned long request, void* argument) const {
    return ioctl(fd_, request, argument);
  }
  // Whether the kernel takes it; nothing stays mapped.
  long try_map(size_t size, int flags = MAP_SHARED, off_t offset = 0) const {
    void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd_, offset);
    if (mapped == MAP_FAILED) return -1;
    munmap(mapped, size);
    return 0;
  }
  std::span<std::byte> map() {
    region_ = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    return {static_cast<std::byte*>(region_), kSize};
  }
  long grow() const {
    return mremap(region_, kSize, 2 * kSize, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0;
  }
  // A short transfer is none.
  long ring(const void* data, size_t size) const {
    return write(fd_, data, size) == static_cast<ssize_t>(size) ? 0 : -1;
  }
  long hear(size_t size) const {
    uint64_t rung[2];
    return read(fd_, rung, size) < 0 ? -1 : 0;
  }
  bool readable() const {
    pollfd wait{fd_, POLLIN, 0};
    return poll(&wait, 1, 0) == 1;
  }

 private:
  int fd_;
  void* region_ = MAP_FAILED;
};

void show(const char* what, long result) {
  std::printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "ok");
}

void show(const char* what, bool holds) { std::printf("%s: %s\n", what, holds ? "yes" : "no"); }

void abuse_create() {
  File file;
  show("create nothing", file.create(0));
  show("create half a page", file.create(kPage / 2));
  show("create a page and a bit", file.create(kPage + 1));
  show("create with a flag", file.create(kSize, 1));
  show("create with something reserved", file.create(kSize, 0, 1));
  show("create a terabyte", file.create(uint64_t{1} << 40));
  show("create all there is", file.create(~uint64_t{kPage - 1}));
  show("create from nowhere", file.control(VIRTIO_MSG_LOOPBACK_CREATE, nullptr));
  show("create", file.create(kSize));
  show("create again", file.create(kSize));
}

void abuse_order() {
  File file;
  const uint64_t one = 1;
  show("start before create", file.start());
  show("map before create", file.try_map(kSize));
  show("ring before create", file.ring(&one, sizeof(one)));
  file.create(kSize);
  show("start before layout", file.start());
  show("ring before start", file.ring(&one, sizeof(one)));
  file.map()[0] = std::byte{0xab};
  show("start with another magic", file.start());
  show("info", file.control(VIRTIO_MSG_LOOPBACK_INFO, nullptr));
  show("unknown request", file.control(_IO(0xBE, 0x7f), nullptr));
}

void abuse_layout() {
  File file;
  file.create(kSize);
  auto layout = *virtio::plan_layout({.region_size = kSize});
  const auto region = file.map();
  layout.pool.size = 2 * kSize;
  virtio::write_layout(region, layout);
  show("start with a pool behind the end", file.start());
  // A START that failed can be tried again.
  virtio::write_layout(region, *virtio::plan_layout({.region_size = kSize}));
  show("start after that", file.start());
}

void abuse_map() {
  File file;
  file.create(kSize);
  show("map less", file.try_map(kSize - kPage));
  show("map more", file.try_map(kSize + kPage));
  show("map from page 1", file.try_map(kSize, MAP_SHARED, kPage));
  show("map privately", file.try_map(kSize, MAP_PRIVATE));
  show("map", file.try_map(kSize));
  file.map();
  show("map twice", file.try_map(kSize));
  show("grow a mapping", file.grow());
}

void abuse_doorbells() {
  File file;
  const uint64_t words[2] = {1, 0};
  file.create(kSize);
  virtio::write_layout(file.map(), *virtio::plan_layout({.region_size = kSize}));
  show("read short", file.hear(4));
  show("read what was not rung", file.hear(8));
  show("readable before start", file.readable());
  show("start", file.start());
  show("start again", file.start());
  // The driver side tells of each state that it takes.
  show("readable after start", file.readable());
  show("read long", file.hear(16));
  show("ring with 4 bytes", file.ring(words, 4));
  show("ring with 16 bytes", file.ring(words, 16));
  show("ring with 0", file.ring(words + 1, 8));
  show("ring from nowhere", file.ring(MAP_FAILED, 8));
  show("ring", file.ring(words, 8));
  virtio_msg_loopback_info info{};
  file.info(info);
  show("info tells size and state",
       info.size == kSize && info.flags == VIRTIO_MSG_LOOPBACK_STARTED);
}

}  // namespace

int main() {
  abuse_create();
  abuse_order();
  abuse_layout();
  abuse_map();
  abuse_doorbells();
}
