// SPDX-License-Identifier: Apache-2.0
#include "hosts/rpmb_mmc.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/virtio_rpmb.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "hosts/rpmb_mmc/chip_limits.h"
#include "hosts/rpmb_mmc/commands.h"
#include "runtime/file_lock.h"
#include "virtio/endian.h"

namespace stratos::hosts {
namespace {

constexpr size_t kFrame = VIRTIO_RPMB_FRAME_SIZE;

std::string text_of(int error) { return std::error_code(error, std::system_category()).message(); }

int execute_ioctl(int fd, rpmb_mmc::Commands& commands) {
  return ::ioctl(fd, MMC_IOC_MULTI_CMD, &commands) == 0 ? 0 : errno;
}

// A chip learns from CMD23 how many frames there are, and tools leave the field 0 where no
// MAC covers it; virtio wants it filled in. A data write has it in both worlds.
void clear_block_count(std::span<std::byte> frame) {
  const uint16_t type = virtio::load_be<uint16_t>(&frame[offsetof(virtio_rpmb_frame, req_resp)]);
  if (type == VIRTIO_RPMB_REQ_DATA_WRITE) return;
  virtio::store_be(&frame[offsetof(virtio_rpmb_frame, block_count)], uint16_t{0});
}

// The card is what the partition hangs on.
std::filesystem::path card_folder(dev_t node) {
  return fmt::format("/sys/dev/char/{}:{}/..", major(node), minor(node));
}

std::expected<RpmbMmc::Options, std::string> complete(RpmbMmc::Options options, dev_t node) {
  if (options.capacity != 0 && options.max_write_blocks != 0) return options;
  const auto limits = rpmb_mmc::read_chip_limits(card_folder(node));
  if (!limits) {
    return std::unexpected(
        fmt::format("{}: the kernel does not say what the chip can do; write capacity and "
                    "max_write_blocks",
                    options.device));
  }
  if (options.capacity == 0) options.capacity = limits->blocks;
  if (options.max_write_blocks == 0) options.max_write_blocks = limits->max_write_blocks;
  return options;
}

}  // namespace

// What the thread works with. It may outlive everything else, if the chip hangs, so it
// has memory of its own for the frames; and the lock on the node goes with it.
class RpmbMmc::Task final : public runtime::Worker::Task {
 public:
  Task(runtime::UniqueFd node, Execute execute)
      : node_(std::move(node)),
        execute_(std::move(execute)),
        frames_(rpmb::kMaxExchangeFrames * kFrame) {}

  void take(const rpmb::Exchange& exchange) {
    const auto write = keep(exchange.write, 0);
    const auto ask = keep(exchange.ask, write.size());
    response_ = std::span(frames_).subspan(write.size() + ask.size(), exchange.response.size());
    commands_ = rpmb_mmc::commands_for({.write = write, .ask = ask, .response = response_});
  }
  void run() override { error_ = execute_(node_.get(), commands_); }

  int error() const { return error_; }
  std::span<const std::byte> response() const { return response_; }

 private:
  std::span<const std::byte> keep(std::span<const std::byte> from, size_t offset) {
    const auto to = std::span(frames_).subspan(offset, from.size());
    for (size_t i = 0; i < to.size(); i += kFrame) {
      std::copy_n(&from[i], kFrame, &to[i]);
      clear_block_count(to.subspan(i, kFrame));
    }
    return to;
  }

  const runtime::UniqueFd node_;
  const Execute execute_;
  std::vector<std::byte> frames_;
  std::span<std::byte> response_;
  rpmb_mmc::Commands commands_;
  int error_ = 0;
};

std::expected<std::unique_ptr<RpmbMmc>, std::string> RpmbMmc::open(runtime::Loop& loop,
                                                                   const Options& options) {
  const auto refuse = [&options](const std::string& why) {
    return std::unexpected(fmt::format("{}: {}", options.device, why));
  };
  runtime::UniqueFd node(::open(options.device.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!node) return refuse("cannot open: " + text_of(errno));
  struct stat status {};
  if (fstat(node.get(), &status) != 0) return refuse(text_of(errno));
  if (!S_ISCHR(status.st_mode)) {
    return refuse("is no RPMB partition; write a path such as /dev/mmcblk0rpmb");
  }
  const auto error = runtime::lock_file(node.get(), runtime::LockKind::kExclusive);
  if (error == std::errc::operation_would_block) {
    return refuse("in use by another process; stop it: a partition serves one guest");
  }
  if (error) return refuse("cannot lock: " + error.message());
  auto completed = complete(options, status.st_rdev);
  if (!completed) return std::unexpected(std::move(completed.error()));
  return create(loop, *completed, std::move(node), execute_ioctl);
}

std::expected<std::unique_ptr<RpmbMmc>, std::string> RpmbMmc::create(runtime::Loop& loop,
                                                                     const Options& options,
                                                                     runtime::UniqueFd node,
                                                                     Execute execute) {
  auto task = std::make_shared<Task>(std::move(node), std::move(execute));
  std::unique_ptr<RpmbMmc> host(new RpmbMmc(options, task));
  auto worker =
      runtime::Worker::create(loop, std::move(task), [host = host.get()] { host->done(); });
  if (!worker) return std::unexpected(fmt::format("no eventfd: {}", worker.error().message()));
  host->worker_ = std::move(*worker);
  return host;
}

RpmbMmc::RpmbMmc(const Options& options, std::shared_ptr<Task> task)
    : log_(options.device), options_(options), task_(std::move(task)) {}

RpmbMmc::~RpmbMmc() = default;

std::expected<void, std::string> RpmbMmc::start() {
  const auto started = worker_->start();
  if (started) return {};
  return std::unexpected(
      fmt::format("{}: cannot start a thread: {}", options_.device, started.error().message()));
}

void RpmbMmc::begin(const rpmb::Exchange& exchange) {
  response_ = exchange.response;
  task_->take(exchange);
  worker_->run();
}

void RpmbMmc::done() {
  const int error = task_->error();
  if (error == 0) {
    const auto response = task_->response();
    std::copy(response.begin(), response.end(), response_.begin());
  } else {
    log_.error("{}; the guest is told of a general failure", text_of(error));
  }
  listener_->on_exchanged(error == 0);
}

}  // namespace stratos::hosts
