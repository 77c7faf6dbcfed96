// SPDX-License-Identifier: Apache-2.0
#include "devices/rpmb/rpmb_device.h"

#include <algorithm>
#include <utility>

#include "devices/rpmb/constant_time.h"
#include "virtio/endian.h"

namespace stratos::rpmb {
namespace {

constexpr uint16_t kQueue = VIRTIO_RPMB_QUEUE_REQUEST;
constexpr uint32_t kBlocksPerUnit =
    static_cast<uint32_t>(VIRTIO_RPMB_CAPACITY_UNIT) / uint32_t{kBlockSize};

// The registers of the device configuration lie at the end of a block, the first one
// last (eMMC 5.1, 6.6.22.4.5: byte 28 of the frame as the standard counts them).
constexpr size_t register_at(uint16_t address) { return kBlockSize - address; }

uint16_t response_type(RequestType type) {
  return static_cast<uint16_t>(static_cast<uint16_t>(type) << 8);
}

}  // namespace

RpmbDevice::RpmbDevice(Store& store, Hmac& hmac, const Options& options,
                       std::span<std::byte> storage)
    : store_(store),
      hmac_(hmac),
      limits_{.max_write_blocks = options.max_write_blocks,
              .max_read_blocks = options.max_read_blocks,
              .device_configuration = options.device_configuration},
      storage_(storage.first(storage_size(options))),
      queue_sizes_{options.queue_size},
      type_{VIRTIO_RPMB_DEVICE_ID, sizeof(virtio_rpmb_config), queue_sizes_} {
  store_.listen(*this);
}

void RpmbDevice::read_config(uint32_t offset, std::span<std::byte> into) const {
  const std::array<std::byte, sizeof(virtio_rpmb_config)> config{
      static_cast<std::byte>(store_.block_count() / kBlocksPerUnit),
      static_cast<std::byte>(limits_.max_write_blocks),
      static_cast<std::byte>(limits_.max_read_blocks)};
  const size_t from = std::min<size_t>(offset, config.size());
  const size_t size = std::min(into.size(), config.size() - from);
  std::copy_n(config.begin() + static_cast<ptrdiff_t>(from), size, into.begin());
}

void RpmbDevice::start(virtio::Transport& transport, uint64_t) { transport_ = &transport; }

void RpmbDevice::stop() {
  transport_ = nullptr;
  result_ = {};
  if (wanted_) ++counters_.forgotten;
  wanted_ = false;
}

size_t RpmbDevice::save(std::span<std::byte> into) const {
  if (into.size() < ResultRegister::kSavedSize) return 0;
  result_.save(into);
  return ResultRegister::kSavedSize;
}

bool RpmbDevice::restore(std::span<const std::byte> from) {
  result_ = {};
  return from.empty() || result_.restore(from);
}

// --- The queue ------------------------------------------------------------

bool RpmbDevice::process(uint16_t index, virtio::Time, uint32_t budget) {
  virtio::Queue* queue = transport_ && index == kQueue ? transport_->queue(kQueue) : nullptr;
  if (!queue) return false;
  Step step = Step::kDone;
  for (; budget > 0 && step == Step::kDone; --budget) step = take(*queue);
  return step == Step::kDone || step == Step::kAfterPublish;
}

RpmbDevice::Step RpmbDevice::take(virtio::Queue& queue) {
  if (pending_ != Pending::kNothing) return Step::kBusy;
  const virtio::PopResult popped = queue.pop(chain_);
  if (popped == virtio::PopResult::kEmpty) return Step::kIdle;
  if (popped == virtio::PopResult::kBroken) {
    transport_->needs_reset();
    transport_ = nullptr;
    return Step::kBroken;
  }
  request_ = read_request(chain_, limits_, storage_);
  if (request_.writes() && queue.unpublished()) {
    queue.unpop(chain_);
    return Step::kAfterPublish;
  }
  ++counters_.requests[static_cast<size_t>(request_.type)];
  if (request_.malformed != Malformed::kNone) {
    ++counters_.malformed[static_cast<size_t>(request_.malformed)];
  }
  execute();
  return Step::kDone;
}

void RpmbDevice::give_back(size_t frames) {
  virtio::Queue* queue = transport_->queue(kQueue);
  if (queue) queue->push(chain_, static_cast<uint32_t>(frames * kFrameSize));
}

// --- The store ------------------------------------------------------------

// False if nobody waits for what the store did.
bool RpmbDevice::finish_pending() {
  pending_ = Pending::kNothing;
  if (!transport_) return false;
  // Chains that came meanwhile. Whoever resets the device and starts it again while
  // the store is busy waits for this, too.
  transport_->serve_again(kQueue);
  if (!std::exchange(wanted_, false)) return false;
  transport_->completed(kQueue);
  return true;
}

void RpmbDevice::on_read(bool ok) {
  if (pending_ == Pending::kRead && finish_pending()) read(ok);
}

void RpmbDevice::on_committed(bool ok) {
  if (pending_ == Pending::kCommit && finish_pending()) committed(ok);
}

// --- Requests -------------------------------------------------------------

void RpmbDevice::execute() {
  const Result result = check_request(store_.state(), request_, limits_, store_.block_count());
  const bool good = result == Result::kOk;
  switch (request_.type) {
    case RequestType::kProgramKey:
      return good ? program_key() : finish_write(result);
    case RequestType::kDataWrite:
      return good ? write_data() : finish_write(result);
    case RequestType::kConfigWrite:
      return good ? write_configuration() : finish_write(result);
    case RequestType::kDataRead:
      return good ? read_data() : answer_data(result);
    case RequestType::kGetCounter:
      return answer_counter(result);
    case RequestType::kConfigRead:
      return answer_configuration(result);
    case RequestType::kResultRead:
      if (good) return answer_result();
      break;
    case RequestType::kUnknown:
      break;
  }
  count(Result::kGeneralFailure);
  answer_one({.nonce = {}, .block_count = 1, .result = wire(Result::kGeneralFailure)}, {});
}

void RpmbDevice::program_key() {
  if (is_repeated(store_.state(), request_)) {
    ++counters_.repeated;
    return finish_write(Result::kOk);
  }
  State next = store_.state();
  next.key_programmed = true;
  next.key = request_.mac;
  next.last_mac = {};
  commit(next, {});
}

void RpmbDevice::write_data() {
  const Result result = authenticate();
  if (result != Result::kOk) return finish_write(result);
  if (is_repeated(store_.state(), request_)) {
    ++counters_.repeated;
    return finish_write(Result::kOk);
  }
  // The frames are done with: their blocks move together. Each ends before the next begins.
  const size_t count = request_.fields.block_count;
  for (size_t i = 0; i < count; ++i) {
    const auto block = block_of(frame_at(storage_, i));
    std::copy(block.begin(), block.end(),
              storage_.begin() + static_cast<ptrdiff_t>(i * kBlockSize));
  }
  commit_write(store_.state(), storage_.first(count * kBlockSize));
}

void RpmbDevice::write_configuration() {
  Result result = authenticate();
  if (result != Result::kOk) return finish_write(result);
  if (is_repeated(store_.state(), request_)) {
    ++counters_.repeated;
    return finish_write(Result::kOk);
  }
  const uint16_t address = request_.fields.address;
  const std::byte value = block_of(frame_at(storage_, 0))[register_at(address)];
  if ((value & ~kSecureWpBits) != std::byte{0}) return finish_write(Result::kWriteFailure);
  State next = store_.state();
  next.secure_write_protect[address - kSecureWpModeEnable] = value;
  commit_write(next, {});
}

// The last checks of a write: MAC and counter.
Result RpmbDevice::authenticate() {
  begin_mac();
  for (size_t i = 0; i < request_.frames; ++i) {
    hmac_.update(authenticated_part(frame_at(storage_, i)));
  }
  if (!equal_in_constant_time(hmac_.finish(), request_.mac)) return Result::kAuthFailure;
  const State& state = store_.state();
  if (request_.fields.write_counter != state.write_counter && !is_repeated(state, request_)) {
    return Result::kCountFailure;
  }
  return Result::kOk;
}

void RpmbDevice::commit_write(const State& next, std::span<const std::byte> blocks) {
  State counted = next;
  ++counted.write_counter;  // authenticate() and is_expired() keep it from wrapping
  counted.last_mac = request_.mac;
  commit(counted, blocks);
}

void RpmbDevice::commit(const State& next, std::span<const std::byte> blocks) {
  next_ = next;
  const uint32_t address = blocks.empty() ? 0 : request_.fields.address;
  const StoreStatus status = store_.commit(next_, address, blocks);
  if (status != StoreStatus::kPending) return committed(status == StoreStatus::kDone);
  pending_ = Pending::kCommit;
  wanted_ = true;
}

void RpmbDevice::committed(bool ok) {
  if (!ok) {
    ++counters_.store_failures;
    return finish_write(Result::kWriteFailure);
  }
  if (request_.type == RequestType::kDataWrite) {
    counters_.blocks_written += request_.fields.block_count;
  }
  finish_write(Result::kOk);
}

void RpmbDevice::read_data() {
  const size_t size = request_.fields.block_count * kBlockSize;
  const StoreStatus status = store_.read(request_.fields.address, storage_.first(size));
  if (status != StoreStatus::kPending) return read(status == StoreStatus::kDone);
  pending_ = Pending::kRead;
  wanted_ = true;
}

void RpmbDevice::read(bool ok) {
  if (ok) {
    counters_.blocks_read += request_.fields.block_count;
  } else {
    ++counters_.store_failures;
  }
  answer_data(ok ? Result::kOk : Result::kReadFailure);
}

// --- Responses ------------------------------------------------------------

uint16_t RpmbDevice::wire(Result result) const {
  const unsigned flag = is_expired(store_.state()) ? VIRTIO_RPMB_RES_WRITE_COUNTER_EXPIRED : 0;
  return static_cast<uint16_t>(static_cast<unsigned>(result) | flag);
}

void RpmbDevice::finish_write(Result result) {
  count(result);
  const bool key = request_.type == RequestType::kProgramKey;
  result_ = {.request = request_.type,
             .result = result,
             .write_counter = key ? 0 : store_.state().write_counter,
             .address = key ? uint16_t{0} : request_.fields.address};
  if (request_.answered) return answer_result();
  give_back(0);
}

void RpmbDevice::answer_result() {
  answer_one({.nonce = {},
              .write_counter = result_.write_counter,
              .address = result_.address,
              .block_count = 1,
              .result = wire(result_.result),
              .type = response_type(result_.request)},
             {});
}

void RpmbDevice::answer_counter(Result result) {
  count(result);
  const bool ok = result == Result::kOk;
  answer_one({.nonce = request_.fields.nonce,
              .write_counter = ok ? store_.state().write_counter : 0,
              .block_count = 1,
              .result = wire(result),
              .type = response_type(request_.type)},
             {});
}

void RpmbDevice::answer_configuration(Result result) {
  count(result);
  std::array<std::byte, kBlockSize> block{};
  if (result == Result::kOk) {
    const auto& registers = store_.state().secure_write_protect;
    block[register_at(kSecureWpModeEnable)] = registers[0];
    block[register_at(kSecureWpModeConfig)] = registers[1];
  }
  answer_one({.nonce = request_.fields.nonce,
              .block_count = 1,
              .result = wire(result),
              .type = response_type(request_.type)},
             block);
}

void RpmbDevice::answer_data(Result result) {
  count(result);
  const Fields fields{.nonce = request_.fields.nonce,
                      .write_counter = 0,
                      .address = request_.fields.address,
                      .block_count = request_.fields.block_count,
                      .result = wire(result),
                      .type = response_type(request_.type)};
  const size_t wanted = std::clamp<size_t>(fields.block_count, 1, limits_.max_read_blocks);
  const size_t frames = std::min<size_t>(wanted, request_.room);
  if (frames == 0) return answer_one(fields, {});
  begin_mac();
  for (size_t i = 0; i < frames; ++i) {
    const bool ok = result == Result::kOk;
    const auto block = storage_.subspan(ok ? i * kBlockSize : 0, ok ? kBlockSize : 0);
    write_frame(i, i + 1 == frames, fields, block);
  }
  give_back(frames);
}

void RpmbDevice::answer_one(Fields fields, std::span<const std::byte> block) {
  if (request_.room == 0) {
    ++counters_.unanswered;
    return give_back(0);
  }
  begin_mac();
  write_frame(0, true, fields, block);
  give_back(1);
}

void RpmbDevice::begin_mac() {
  if (store_.state().key_programmed) hmac_.begin(store_.state().key);
}

// Writes one frame of a response; the last one carries the MAC over all of them, unless
// there is no key yet.
void RpmbDevice::write_frame(size_t index, bool last, const Fields& fields,
                             std::span<const std::byte> block) {
  format_frame(fields, block, frame_);
  if (store_.state().key_programmed) {
    hmac_.update(authenticated_part(frame_));
    if (last) set_mac(hmac_.finish(), frame_);
  }
  chain_.write(index * kFrameSize, frame_);
}

}  // namespace stratos::rpmb
