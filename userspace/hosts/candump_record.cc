// SPDX-License-Identifier: Apache-2.0
#include "hosts/candump_record.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <liburing.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "hosts/candump_log.h"

namespace stratos::hosts {
namespace {

std::chrono::nanoseconds read_clock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Blocks; only for what is left at the end.
void write_now(int fd, std::span<const char> data, uint64_t offset) {
  while (!data.empty()) {
    const ssize_t size = pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    data = data.subspan(static_cast<size_t>(size));
    offset += static_cast<uint64_t>(size);
  }
}

}  // namespace

// The buffer that is being written, and where to. Offsets are explicit, so that
// writing the same bytes twice does no harm.
struct CandumpRecorder::Write final : runtime::OwnedOperation {
  Write(CandumpRecorder& recorder, runtime::UniqueFd file, uint64_t file_size)
      : owner(recorder), fd(std::move(file)), offset(file_size) {}

  bool busy() const { return !data.empty(); }

  void submit() {
    const size_t size = data.size() - done;
    io_uring_prep_write(owner.loop_.prepare(*this), fd.get(), data.data() + done,
                        static_cast<unsigned>(size), offset);
  }

  void on_complete(int32_t result, uint32_t /*flags*/) override {
    if (result <= 0 && result != -EINTR && result != -EAGAIN) {
      ++owner.counters_.write_errors;
      owner.log_.error("cannot write: {}; {} bytes are lost",
                       std::generic_category().message(-result), data.size() - done);
      return data.clear();
    }
    if (result > 0) {
      done += static_cast<size_t>(result);
      offset += static_cast<uint64_t>(result);
    }
    if (done < data.size()) return submit();
    data.clear();
  }

  CandumpRecorder& owner;
  runtime::UniqueFd fd;
  uint64_t offset;         // in the file, of what comes next
  std::vector<char> data;  // empty: nothing under way
  size_t done = 0;         // bytes of data that are in the file
};

std::expected<std::unique_ptr<CandumpRecorder>, std::string> CandumpRecorder::open(
    runtime::Loop& loop, can::Bus& bus, Options options) {
  const auto error = [&options](std::string_view what) {
    return std::unexpected(fmt::format("{}: {}", options.file, what));
  };
  runtime::UniqueFd fd(::open(options.file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0) return error(std::generic_category().message(errno));
  if (!S_ISREG(status.st_mode)) return error("a recording needs a regular file");
  std::unique_ptr<CandumpRecorder> recorder(new CandumpRecorder(
      loop, bus, std::move(options), std::move(fd), static_cast<uint64_t>(status.st_size)));
  if (!bus.start(*recorder)) {
    return std::unexpected("cannot record: the bus cannot be used now");
  }
  return recorder;
}

CandumpRecorder::CandumpRecorder(runtime::Loop& loop, can::Bus& bus, Options options,
                                 runtime::UniqueFd fd, uint64_t file_size)
    : loop_(loop),
      bus_(bus),
      options_(std::move(options)),
      log_(fmt::format("recording {}", options_.file)),
      wall_clock_(read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC)),
      write_(std::make_unique<Write>(*this, std::move(fd), file_size)) {
  filling_.reserve(std::max(options_.buffer_size, kMaxLogLine));
  write_->data.reserve(filling_.capacity());
  loop_.add_hook(*this);
}

CandumpRecorder::~CandumpRecorder() {
  loop_.remove_hook(*this);
  bus_.stop();
  // The request under way may be given up: write its bytes again.
  Write& write = *write_;
  const auto unwritten =
      std::span<const char>(write.data).subspan(std::min(write.done, write.data.size()));
  write_now(write.fd.get(), unwritten, write.offset);
  write_now(write.fd.get(), filling_, write.offset + unwritten.size());
  loop_.retire(std::move(write_));
}

void CandumpRecorder::on_frame(const can::Frame& frame) {
  const size_t used = filling_.size();
  if (filling_.capacity() - used < kMaxLogLine) {
    ++counters_.lost;
    return;
  }
  const auto time = wall_clock_ + std::chrono::nanoseconds(loop_.now());
  filling_.resize(used + kMaxLogLine);
  const LogEntry entry{.time = std::chrono::floor<std::chrono::microseconds>(time),
                       .interface = options_.interface,
                       .frame = frame};
  filling_.resize(used + format_log_line(entry, std::span(filling_).subspan(used)));
  ++counters_.recorded;
}

void CandumpRecorder::on_bus_off() {
  if (!bus_.start(*this)) log_.warn("the bus is gone; the recording ends here");
}

bool CandumpRecorder::on_turn_end() {
  if (filling_.empty() || write_->busy()) return false;
  std::swap(filling_, write_->data);
  filling_.clear();
  write_->done = 0;
  write_->submit();
  return false;
}

}  // namespace stratos::hosts
