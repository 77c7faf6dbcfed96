// SPDX-License-Identifier: Apache-2.0

#include "run.h"

#include <sys/mman.h>

#include <new>
#include <stdexcept>

#include "access.h"

namespace stratos::model {
namespace {

constexpr size_t kRegionSize = 4096;

// Thrown through the code under test to leave it.
struct Pause {
  Op op;
};

Run* current = nullptr;

uint16_t offset_of(const std::byte* at) {
  if (!is_shared(at) || current == nullptr) throw std::logic_error("a word outside of the region");
  return static_cast<uint16_t>(at - region().data());
}

// What the hardware does at once of an access of `size` bytes.
size_t aligned_part(uint16_t at, size_t size) {
  while (at % size != 0) size /= 2;
  return size;
}

}  // namespace

std::span<std::byte> region() {
  static const std::span<std::byte> bytes = [] {
    void* base = mmap(nullptr, kRegionSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) throw std::bad_alloc();
    return std::span(static_cast<std::byte*>(base), kRegionSize);
  }();
  return bytes;
}

bool is_shared(const std::byte* at) {
  return at >= region().data() && at < region().data() + region().size();
}

uint64_t load(const std::byte* at, size_t size) {
  const uint16_t offset = offset_of(at);
  const size_t part = aligned_part(offset, size);
  uint64_t value = 0;
  for (size_t done = 0; done < size; done += part) {
    value |= current->load(static_cast<uint16_t>(offset + done), static_cast<uint8_t>(part))
             << (8 * done);
  }
  return value;
}

void store(std::byte* at, size_t size, uint64_t value, std::memory_order order) {
  const uint16_t offset = offset_of(at);
  const size_t part = aligned_part(offset, size);
  for (size_t done = 0; done < size; done += part) {
    current->store({static_cast<uint16_t>(offset + done), static_cast<uint8_t>(part),
                    order != std::memory_order_relaxed, value >> (8 * done)});
  }
  // As x86-64 has it: the store drains the buffer, and a load needs nothing.
  if (order == std::memory_order_seq_cst) current->barrier();
}

void barrier() { current->barrier(); }

Run::Run(Who who, std::vector<uint64_t> answers, std::optional<Fault> fault)
    : who_(who), answers_(std::move(answers)), fault_(fault) {}

Op Run::execute(const Program& program) {
  current = this;
  Op op{.kind = Op::Kind::kFailed};
  try {
    program(*this);
    failure_ = "the side came to an end";
  } catch (const Pause& pause) {
    op = pause.op;
  } catch (const std::logic_error& error) {
    failure_ = error.what();
  }
  current = nullptr;
  return op;
}

uint64_t Run::ask(const Op& op) {
  if (answered_ == answers_.size()) throw Pause{op};
  stores_.clear();
  return answers_[answered_++];
}

bool Run::faulty(Fault::Part part) const {
  return fault_ && fault_->who == who_ && fault_->call == call_ && fault_->part == part;
}

void Run::store(Store store) {
  if (faulty(Fault::Part::kRelease)) store.release = false;
  stores_.push_back(store);
}

void Run::ring() { store({bell_of(other(who_)), 1, true, 1}); }

void Run::check(bool holds, const char* rule) {
  if (!holds) throw std::logic_error(rule);
}

void Run::barrier() {
  const unsigned nth = barriers_++;
  if (faulty(Fault::Part::kBarrier) && fault_->nth == nth) return;
  ask({.kind = Op::Kind::kBarrier});
}

}  // namespace stratos::model
