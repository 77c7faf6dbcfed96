// SPDX-License-Identifier: Apache-2.0
#include "links/vhost_user/vhost_user_link.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace stratos::links {

using runtime::UniqueFd;
using vhost_user::InflightRegion;
using vhost_user::ServedDevice;
using vhost_user::Session;

std::expected<std::unique_ptr<VhostUserLink>, std::string> VhostUserLink::create(
    runtime::Loop& loop, std::string name, virtio::Observer& observer, virtio::Device& device,
    const Options& options) {
  const auto sizes = device.type().max_queue_sizes;
  const uint16_t largest = std::ranges::max(sizes);
  if (sizes.size() > virtio::kMaxQueues || largest > virtio::kMaxQueueSize) {
    return std::unexpected("too many or too large queues");
  }
  const auto queues = static_cast<uint16_t>(sizes.size());
  auto region = options.state_file.empty()
                    ? InflightRegion::create_private(queues, largest)
                    : InflightRegion::open_file(options.state_file, queues, largest);
  if (!region) return std::unexpected(std::move(region.error()));
  std::unique_ptr<VhostUserLink> link(new VhostUserLink(loop, std::move(name), options));
  link->model_ = &device;
  link->device_ = std::make_unique<ServedDevice>(
      loop, device, observer, std::move(*region),
      ServedDevice::Options{.number = options.number,
                            .transport_features = virtio::kFeatureVersion1 | options.ring_features,
                            .budget = options.budget,
                            .drain = options.drain});
  loop.add_hook(*link);
  return link;
}

VhostUserLink::VhostUserLink(runtime::Loop& loop, std::string name, const Options& options)
    : loop_(loop),
      log_(std::move(name)),
      options_(options),
      retry_(loop, [this] { connect_now(); }) {}

VhostUserLink::~VhostUserLink() {
  loop_.remove_hook(*this);
  device_->leave();
  // A port that still reads or writes the memory would do so in whatever comes to lie
  // there; better to keep it mapped for the rest of the process.
  if (session_ && !model_->idle()) static_cast<void>(session_.release());
}

void VhostUserLink::listen(UniqueFd listener) {
  listener_ = std::move(listener);
  somebody_waits_ = true;
  listener_watch_ = std::make_unique<runtime::FdWatch>(loop_, listener_.get(), POLLIN,
                                                       [this](int32_t) { somebody_waits_ = true; });
}

void VhostUserLink::connect_to(std::string path) {
  path_ = std::move(path);
  retry_.start_once(std::chrono::nanoseconds(0));
}

void VhostUserLink::accept_one() {
  UniqueFd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) {
    if (errno == EINTR || errno == ECONNABORTED) return;
    if (errno != EAGAIN) log_.error("cannot accept: {}", std::strerror(errno));
    somebody_waits_ = false;
    return;
  }
  if (!session_) return begin(std::move(socket));
  ++counters_.sent_away;
  log_.warn("a front-end was sent away: there is one; give each a [[link]] of its own");
}

void VhostUserLink::connect_now() {
  if (session_) return;
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.c_str(),
              std::min(path_.size(), sizeof(address.sun_path) - 1));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    last_complaint_.clear();
    return begin(std::move(socket));
  }
  const std::string why = std::strerror(errno);
  if (why != last_complaint_) log_.warn("{}: {}; trying again", path_, why);
  last_complaint_ = why;
  retry_.start_once(options_.retry);
}

void VhostUserLink::begin(UniqueFd socket) {
  ++counters_.front_ends;
  log_.info("a front-end is there");
  session_ = std::make_unique<Session>(loop_, *device_, std::move(socket));
}

// Somebody who comes while the last one is leaving waits in the socket's backlog.
void VhostUserLink::look_for_front_end() {
  while (somebody_waits_) {
    if (session_) session_->check();
    if (session_ && session_->over()) return;
    accept_one();
  }
}

void VhostUserLink::end_session() {
  const std::string why = *session_->over();
  if (session_->went_away()) {
    log_.info("the front-end is gone: {}", why);
  } else {
    ++counters_.thrown_out;
    log_.warn("the front-end was thrown out: {}", why);
  }
  counters_.messages += session_->counters().messages;
  counters_.refused += session_->counters().refused;
  device_->keep_in(std::nullopt);
  // What one front-end broke is no affair of the next.
  if (device_->broken()) device_->forget();
  session_.reset();
  if (!path_.empty()) retry_.start_once(options_.retry);
}

bool VhostUserLink::on_turn_end() {
  look_for_front_end();
  bool more = session_ && session_->work();
  if (session_ && session_->over()) device_->ask_quiet();
  const bool busy = !device_->quiet();
  more = device_->serve(loop_.now()) || more;
  // A message waited for this, or the end does.
  if (busy && device_->quiet()) more = true;
  if (session_ && !session_->over()) {
    session_->check_memory();
    if (session_->over()) more = true;
  }
  if (!session_ || !session_->over() || !device_->quiet()) return more;
  end_session();
  return true;
}

VhostUserLink::Counters VhostUserLink::counters() const {
  Counters counters = counters_;
  if (session_) {
    counters.messages += session_->counters().messages;
    counters.refused += session_->counters().refused;
  }
  return counters;
}

}  // namespace stratos::links
