// SPDX-License-Identifier: Apache-2.0
#include "links/shm/shm_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace stratos::links {

ShmLink::ShmLink(runtime::Loop& loop, std::string name, virtio::Observer& observer,
                 const Options& options)
    : loop_(loop), log_(std::move(name)), observer_(observer), options_(options), tick_(loop, [] {
      }) {  // the turn that it causes does the work
  loop_.add_hook(*this);
}

ShmLink::~ShmLink() {
  loop_.remove_hook(*this);
  release();
  drop_memory();
}

std::expected<void, virtio::LinkError> ShmLink::add_device(uint16_t number, virtio::Device& device,
                                                           uint64_t memory_size) {
  const auto same = [number](const Entry& entry) { return entry.number == number; };
  if (std::ranges::any_of(devices_, same)) return std::unexpected(virtio::LinkError::kNumber);
  if (link_) {
    if (auto added = link_->add_device(number, device, memory_size); !added) return added;
  }
  devices_.push_back({number, &device, memory_size});
  return {};
}

void ShmLink::remove_device(uint16_t number) {
  if (link_) link_->remove_device(number);
  std::erase_if(devices_, [number](const Entry& entry) { return entry.number == number; });
}

std::expected<void, std::string> ShmLink::attach(std::unique_ptr<Attachment> attachment) {
  next_ = std::move(attachment);
  if (link_ && link_->status() == virtio::LinkStatus::kRun) {
    log_.info("new memory is there; it is taken when the driver side leaves the old one");
    return {};
  }
  end(&virtio::MsgLink::shut_down);
  if (!devices_idle()) return {};
  return begin(std::move(next_));
}

std::expected<void, std::string> ShmLink::begin(std::unique_ptr<Attachment> attachment) {
  auto link = std::make_unique<virtio::MsgLink>();
  virtio::LinkOptions options = options_.link;
  options.doorbell = attachment->doorbell();
  if (auto done = link->attach(attachment->region(), *attachment, observer_, options); !done) {
    const auto layout = virtio::read_layout(attachment->region());
    return std::unexpected(layout ? std::string(virtio::to_string(done.error()))
                                  : fmt::format("{}: {}", virtio::to_string(done.error()),
                                                virtio::to_string(layout.error())));
  }
  for (const Entry& entry : devices_) {
    if (auto done = link->add_device(entry.number, *entry.device, entry.memory_size); !done) {
      return std::unexpected(
          fmt::format("device {}: {}", entry.number, virtio::to_string(done.error())));
    }
  }
  attachment_ = std::move(attachment);
  link_ = std::move(link);
  // A turn is all that a ring has to cause: its end serves the link.
  attachment_->listen(loop_, [] {});
  const bool resumed = link_->start(loop_.now());
  log_.info("{}", resumed ? "went on where a predecessor stopped" : "began a new epoch");
  return {};
}

void ShmLink::end(void (virtio::MsgLink::*farewell)()) {
  if (!link_) return;
  (link_.get()->*farewell)();
  link_.reset();
}

void ShmLink::shut_down() {
  next_.reset();
  end(&virtio::MsgLink::shut_down);
}

void ShmLink::release() {
  next_.reset();
  end(&virtio::MsgLink::detach);
}

bool ShmLink::devices_idle() const {
  return std::ranges::all_of(devices_, [](const Entry& entry) { return entry.device->idle(); });
}

void ShmLink::replace_if_possible() {
  if (link_ && link_->status() == virtio::LinkStatus::kRun) return;
  end(&virtio::MsgLink::shut_down);
  if (!devices_idle()) return;
  auto done = begin(std::move(next_));
  if (!done) log_.error("cannot use the new memory: {}", done.error());
}

void ShmLink::drop_memory() {
  // A port that still reads or writes the region would do so in whatever comes to lie
  // there; better to keep it mapped for the rest of the process.
  if (attachment_ && !devices_idle()) static_cast<void>(attachment_.release());
}

bool ShmLink::on_turn_end() {
  if (next_) replace_if_possible();
  if (!link_) return false;
  // Not only when a bell rang: while this side is awake the driver side does not ring.
  const uint64_t before = link_->counters().notifications_received;
  const bool more = link_->service(loop_.now(), options_.budget);
  if (link_->counters().notifications_received != before) loop_.note_request();
  return link_->flush() || more;
}

bool ShmLink::on_sleep() {
  if (!link_) return true;
  if (!link_->prepare_sleep()) return false;
  // A timer that is set for earlier does as well: it costs one turn, and setting it
  // anew each time would cost a request.
  const uint64_t now = loop_.now();
  const uint64_t deadline = std::max(link_->next_deadline(now), now);
  if (!tick_.running() || deadline < tick_at_) {
    tick_at_ = deadline;
    tick_.start_once(std::chrono::nanoseconds(deadline - now));
  }
  return true;
}

}  // namespace stratos::links
