// SPDX-License-Identifier: Apache-2.0
#include "links/loopback/loopback_attachment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/virtio_msg_loopback.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "virtio/amp_layout.h"

namespace stratos::links {
namespace {

// What the operator can do about an open() that failed.
const char* open_hint(int error) {
  if (error == ENOENT) return "; load virtio_msg_loopback";
  if (error == EACCES) return "; join the group that the file belongs to";
  return "";
}

const char* create_hint(int error) {
  return error == EFBIG ? "; raise virtio_msg_loopback's parameter max_size" : "";
}

}  // namespace

std::expected<std::unique_ptr<LoopbackAttachment>, std::string> LoopbackAttachment::create(
    const std::filesystem::path& node, uint64_t size) {
  const auto failed = [&](const char* what, const char* hint = "") {
    return std::unexpected(
        fmt::format("cannot {} {}: {}{}", what, node.string(), std::strerror(errno), hint));
  };
  const auto layout = virtio::plan_layout({.region_size = size});
  if (!layout) {
    return std::unexpected(
        fmt::format("{} bytes do not hold the layout: {}", size, to_string(layout.error())));
  }
  runtime::UniqueFd fd(open(node.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return failed("open", open_hint(errno));
  const virtio_msg_loopback_create request{.size = size, .flags = 0, .reserved = 0};
  if (ioctl(fd.get(), VIRTIO_MSG_LOOPBACK_CREATE, &request) != 0) {
    return failed("get memory from", create_hint(errno));
  }
  auto attachment = map(std::move(fd), size);
  if (!attachment) return attachment;
  virtio::write_layout((*attachment)->region(), *layout);
  if (ioctl((*attachment)->fd(), VIRTIO_MSG_LOOPBACK_START) != 0) return failed("start");
  return attachment;
}

std::expected<std::unique_ptr<LoopbackAttachment>, std::string> LoopbackAttachment::adopt(
    runtime::UniqueFd fd, uint64_t size) {
  virtio_msg_loopback_info info{};
  if (ioctl(fd.get(), VIRTIO_MSG_LOOPBACK_INFO, &info) != 0) {
    return std::unexpected(fmt::format("it is no loopback link: {}", std::strerror(errno)));
  }
  if ((info.flags & VIRTIO_MSG_LOOPBACK_STARTED) == 0) {
    return std::unexpected("it was never started");
  }
  if (info.size != size) {
    return std::unexpected(fmt::format("it has {} bytes, and now {} are wanted",
                                       static_cast<uint64_t>(info.size), size));
  }
  return map(std::move(fd), size);
}

std::expected<std::unique_ptr<LoopbackAttachment>, std::string> LoopbackAttachment::map(
    runtime::UniqueFd fd, uint64_t size) {
  auto mapping = runtime::Mapping::map(fd.get(), size);
  if (!mapping) {
    return std::unexpected(fmt::format("cannot map the memory: {}", mapping.error().message()));
  }
  runtime::UniqueFd second(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!second) {
    return std::unexpected(
        fmt::format("cannot open it twice: {}", std::generic_category().message(errno)));
  }
  return std::unique_ptr<LoopbackAttachment>(
      new LoopbackAttachment(std::move(*mapping), runtime::EventFd::wrap(std::move(fd)),
                             runtime::EventFd::wrap(std::move(second))));
}

LoopbackAttachment::LoopbackAttachment(runtime::Mapping mapping, runtime::EventFd bell,
                                       runtime::EventFd peer_bell)
    : mapping_(std::move(mapping)), bell_(std::move(bell)), peer_bell_(std::move(peer_bell)) {}

void LoopbackAttachment::listen(runtime::Loop& loop, std::function<void()> callback) {
  watch_.emplace(loop, bell_, std::move(callback));
  ringer_.emplace(loop, std::move(peer_bell_));
}

void LoopbackAttachment::ring(uint32_t /*value*/) {
  if (ringer_) ringer_->ring();
}

}  // namespace stratos::links
