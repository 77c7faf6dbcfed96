// SPDX-License-Identifier: Apache-2.0
#include "devices/rpmb/rpmb_device.h"

#include <algorithm>

#include "devices/rpmb/constant_time.h"
#include "virtio/endian.h"

namespace stratos::rpmb {
namespace {

// The registers of the device configuration lie at the end of a block, the first one
// last (eMMC 5.1, 6.6.22.4.5: byte 28 of the frame as the standard counts them).
constexpr size_t register_at(uint16_t address) { return kBlockSize - address; }

}  // namespace

RpmbDevice::RpmbDevice(Store& store, Hmac& hmac, const Options& options,
                       std::span<std::byte> storage)
    : RequestDevice(store.block_count(), options.queue_size,
                    {.max_write_blocks = options.max_write_blocks,
                     .max_read_blocks = options.max_read_blocks,
                     .device_configuration = options.device_configuration},
                    storage.first(storage_size(options))),
      store_(store),
      hmac_(hmac),
      storage_(storage.first(storage_size(options))) {
  store_.listen(*this);
}

void RpmbDevice::stop() {
  RequestDevice::stop();
  result_ = {};
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

// --- Requests -------------------------------------------------------------

void RpmbDevice::execute() {
  const Result result = check_request(store_.state(), request(), limits(), capacity_blocks());
  const bool good = result == Result::kOk;
  switch (request().type) {
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
  if (is_repeated(store_.state(), request())) {
    ++counters_.repeated;
    return finish_write(Result::kOk);
  }
  State next = store_.state();
  next.key_programmed = true;
  next.key = request().mac;
  next.last_mac = {};
  commit(next, {});
}

void RpmbDevice::write_data() {
  const Result result = authenticate();
  if (result != Result::kOk) return finish_write(result);
  if (is_repeated(store_.state(), request())) {
    ++counters_.repeated;
    return finish_write(Result::kOk);
  }
  // The frames are done with: their blocks move together. Each ends before the next begins.
  const size_t count = request().fields.block_count;
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
  if (is_repeated(store_.state(), request())) {
    ++counters_.repeated;
    return finish_write(Result::kOk);
  }
  const uint16_t address = request().fields.address;
  const std::byte value = block_of(frame_at(storage_, 0))[register_at(address)];
  if ((value & ~kSecureWpBits) != std::byte{0}) return finish_write(Result::kWriteFailure);
  State next = store_.state();
  next.secure_write_protect[address - kSecureWpModeEnable] = value;
  commit_write(next, {});
}

// The last checks of a write: MAC and counter.
Result RpmbDevice::authenticate() {
  begin_mac();
  for (size_t i = 0; i < request().frames; ++i) {
    hmac_.update(authenticated_part(frame_at(storage_, i)));
  }
  if (!equal_in_constant_time(hmac_.finish(), request().mac)) return Result::kAuthFailure;
  const State& state = store_.state();
  if (request().fields.write_counter != state.write_counter && !is_repeated(state, request())) {
    return Result::kCountFailure;
  }
  return Result::kOk;
}

void RpmbDevice::commit_write(const State& next, std::span<const std::byte> blocks) {
  State counted = next;
  ++counted.write_counter;  // authenticate() and is_expired() keep it from wrapping
  counted.last_mac = request().mac;
  commit(counted, blocks);
}

void RpmbDevice::commit(const State& next, std::span<const std::byte> blocks) {
  next_ = next;
  const uint32_t address = blocks.empty() ? 0 : request().fields.address;
  const StoreStatus status = store_.commit(next_, address, blocks);
  if (status != StoreStatus::kPending) return committed(status == StoreStatus::kDone);
  wait();
}

void RpmbDevice::on_committed(bool ok) {
  if (end_wait()) committed(ok);
}

void RpmbDevice::committed(bool ok) {
  if (!ok) {
    ++counters_.port_failures;
    return finish_write(Result::kWriteFailure);
  }
  if (request().type == RequestType::kDataWrite) {
    counters_.blocks_written += request().fields.block_count;
  }
  finish_write(Result::kOk);
}

void RpmbDevice::read_data() {
  const size_t size = request().fields.block_count * kBlockSize;
  const StoreStatus status = store_.read(request().fields.address, storage_.first(size));
  if (status != StoreStatus::kPending) return read(status == StoreStatus::kDone);
  wait();
}

void RpmbDevice::on_read(bool ok) {
  if (end_wait()) read(ok);
}

void RpmbDevice::read(bool ok) {
  if (ok) {
    counters_.blocks_read += request().fields.block_count;
  } else {
    ++counters_.port_failures;
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
  const bool key = request().type == RequestType::kProgramKey;
  result_ = {.request = request().type,
             .result = result,
             .write_counter = key ? 0 : store_.state().write_counter,
             .address = key ? uint16_t{0} : request().fields.address};
  if (request().answered) return answer_result();
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
  answer_one({.nonce = request().fields.nonce,
              .write_counter = ok ? store_.state().write_counter : 0,
              .block_count = 1,
              .result = wire(result),
              .type = response_type(request().type)},
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
  answer_one({.nonce = request().fields.nonce,
              .block_count = 1,
              .result = wire(result),
              .type = response_type(request().type)},
             block);
}

void RpmbDevice::answer_data(Result result) {
  count(result);
  const Fields fields{.nonce = request().fields.nonce,
                      .write_counter = 0,
                      .address = request().fields.address,
                      .block_count = request().fields.block_count,
                      .result = wire(result),
                      .type = response_type(request().type)};
  const size_t frames = response_frames();
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
  if (request().room == 0) {
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
  write_response(index, frame_);
}

}  // namespace stratos::rpmb
