// SPDX-License-Identifier: Apache-2.0
#include "devices/rpmb/relay_device.h"

#include "devices/rpmb/checks.h"

namespace stratos::rpmb {
namespace {

Result result_in(const Fields& fields) {
  const auto flag = static_cast<unsigned>(VIRTIO_RPMB_RES_WRITE_COUNTER_EXPIRED);
  const unsigned code = fields.result & ~flag;
  return code < kResults ? static_cast<Result>(code) : Result::kGeneralFailure;
}

}  // namespace

RelayDevice::RelayDevice(FramePort& port, const Options& options, std::span<std::byte> storage)
    : RequestDevice(options.blocks, options.queue_size,
                    {.max_write_blocks = options.max_write_blocks,
                     .max_read_blocks = options.max_read_blocks,
                     .device_configuration = false},
                    storage.first(request_size(options))),
      port_(port),
      request_frames_(storage.first(request_size(options))),
      response_frames_(
          storage.subspan(request_size(options), options.max_read_blocks * kFrameSize)) {
  port_.listen(*this);
}

void RelayDevice::execute() {
  if (request().malformed != Malformed::kNone || !count_allowed(request(), limits())) {
    return refuse();
  }
  if (request().resumed && request().type == RequestType::kDataWrite) return look_back();
  pass_on();
}

// The frames of a write are followed by its RESULT_READ, if it has one. All else is one
// frame that asks for something.
void RelayDevice::pass_on() {
  const size_t written = request().writes() ? request().frames * kFrameSize : 0;
  const size_t asked = request().answered ? kFrameSize : 0;
  const size_t answered = request().answered ? response_frames() * kFrameSize : 0;
  begin(Stage::kPassOn, {.write = request_frames_.first(written),
                         .ask = request_frames_.subspan(written, asked),
                         .response = response_frames_.first(answered)});
}

void RelayDevice::look_back() {
  format_frame({.block_count = 1, .type = VIRTIO_RPMB_REQ_RESULT_READ}, {}, frame_);
  begin(Stage::kLookBack, {.ask = frame_, .response = response_frames_.first(kFrameSize)});
}

void RelayDevice::begin(Stage stage, const Exchange& exchange) {
  stage_ = stage;
  wait();
  port_.begin(exchange);
}

void RelayDevice::on_exchanged(bool ok) {
  if (!end_wait()) return;
  if (!ok) {
    ++counters_.port_failures;
    return refuse();
  }
  if (stage_ == Stage::kLookBack) {
    if (!is_done_already()) return pass_on();
    ++counters_.repeated;
  }
  answer();
}

bool RelayDevice::is_done_already() const {
  const Fields found = fields_of(frame_at(response_frames_, 0));
  return found.type == response_type(request().type) && result_in(found) == Result::kOk &&
         found.write_counter == request().fields.write_counter + 1 &&
         found.address == request().fields.address;
}

void RelayDevice::answer() {
  if (!request().answered) return give_back(0);
  const size_t frames = response_frames();
  for (size_t i = 0; i < frames; ++i) write_response(i, frame_at(response_frames_, i));
  const Result result = result_in(fields_of(frame_at(response_frames_, frames - 1)));
  if (request().type != RequestType::kResultRead) count(result);
  if (result == Result::kOk && request().type == RequestType::kDataWrite) {
    counters_.blocks_written += request().frames;
  }
  if (result == Result::kOk && request().type == RequestType::kDataRead) {
    counters_.blocks_read += frames;
  }
  give_back(frames);
}

// In all frames of the response, since drivers look at the last one.
void RelayDevice::refuse() {
  count(Result::kGeneralFailure);
  const size_t frames = request().answered ? response_frames() : 0;
  if (request().answered && frames == 0) ++counters_.unanswered;
  const Fields& asked = request().fields;
  format_frame({.nonce = asked.nonce,
                .address = asked.address,
                .block_count = asked.block_count,
                .result = VIRTIO_RPMB_RES_GENERAL_FAILURE,
                .type = response_type(request().type)},
               {}, frame_);
  for (size_t i = 0; i < frames; ++i) write_response(i, frame_);
  give_back(frames);
}

}  // namespace stratos::rpmb
