// SPDX-License-Identifier: Apache-2.0
#include "hosts/socketcan.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "hosts/socketcan_frame.h"

namespace stratos::hosts {
namespace {

// How long a full interface queue gets to drain: some frames' time at 1 Mbit/s.
constexpr auto kRetryAfter = std::chrono::milliseconds(1);

bool is_temporary(int error) {
  return error == ENOBUFS || error == EAGAIN || error == EINTR || error == ENOMEM ||
         error == ECANCELED;
}

bool is_down(int error) { return error == ENETDOWN || error == ENODEV || error == ENXIO; }

}  // namespace

std::expected<std::unique_ptr<Socketcan>, std::string> Socketcan::open(runtime::Loop& loop,
                                                                       const Options& options) {
  auto socket =
      open_can_socket({.interface = options.interface, .fd = options.fd, .echo = options.echo});
  if (!socket) return std::unexpected(std::move(socket.error()));
  return std::make_unique<Socketcan>(loop, options, std::move(*socket));
}

Socketcan::Socketcan(runtime::Loop& loop, const Options& options, std::unique_ptr<CanSocket> socket)
    : loop_(loop),
      options_(options),
      log_(options.interface),
      socket_(std::move(socket)),
      queue_({.capacity = std::max(options.tx_depth, 2 * DatagramSender::kMaxBatch),
              .echo = options.echo,
              .patience =
                  static_cast<uint64_t>(std::chrono::nanoseconds(options.echo_patience).count())}),
      retry_(loop, [this] { flush(); }),
      echo_timer_(loop,
                  [this] {
                    if (!held_) queue_.expire(loop_.now());
                    report();
                  }),
      sender_(loop, socket_->fd(), [this](DatagramSender::Result result) { on_batch(result); }),
      receiver_(loop, socket_->fd(),
                {.on_datagram = [this](const Datagram& datagram) { on_datagram(datagram); },
                 .on_error = [this](int error) { on_socket_error(error); }}) {}

Socketcan::~Socketcan() { stop(); }

can::Bus::Capabilities Socketcan::capabilities() const {
  return {.fd = socket_->fd_frames(), .remote = true};
}

bool Socketcan::start(can::BusListener& listener) {
  if (!socket_->up()) {
    log_.warn("a guest wants to start, but the interface is down or bus-off; `ip link set {} up`",
              options_.interface);
    return false;
  }
  listener_ = &listener;
  accepting_ = true;
  socket_->listen(true);
  return true;
}

void Socketcan::stop() {
  accepting_ = false;
  listener_ = nullptr;
  queue_.forget();
  retry_.stop();
  echo_timer_.stop();
  become_deaf();
}

// What was heard so far is nothing for a listener that starts later.
void Socketcan::become_deaf() {
  held_ = false;
  socket_->listen(false);
  receiver_.discard();
}

bool Socketcan::send(const can::Frame& frame, can::TxToken token) {
  return accepting_ && queue_.push(frame, token);
}

void Socketcan::flush() {
  if (sender_.busy() || retry_.running() || !accepting_) return;
  const size_t count = queue_.begin_batch(DatagramSender::kMaxBatch);
  for (size_t i = 0; i < count; ++i) {
    sender_.add(to_socket(queue_.batch_frame(i), options_.bit_rate_switch).bytes());
  }
  if (count > 0) sender_.submit();
}

void Socketcan::hold() {
  held_ = true;
  receiver_.hold();
}

void Socketcan::release() {
  held_ = false;
  receiver_.resume();
  queue_.deaf_until(loop_.now());
  watch_echoes();
}

void Socketcan::on_batch(DatagramSender::Result result) {
  const bool refused = result.error != 0 && !is_temporary(result.error) && !is_down(result.error);
  queue_.batch_done(result.accepted, refused, loop_.now());
  if (is_temporary(result.error)) {
    ++counters_.tx_waits;
    retry_.start_once(kRetryAfter);
  } else if (is_down(result.error)) {
    interface_down(result.error);
  } else if (refused) {
    log_.warn("the interface refuses a frame: {}", std::generic_category().message(result.error));
  }
  report();
  flush();
}

void Socketcan::on_datagram(const Datagram& datagram) {
  const FromSocket received = from_socket(datagram.bytes);
  if (received.errors) {
    if (received.errors->restarted) log_.info("the controller was restarted");
    if (!received.errors->bus_off) return;
    log_.warn("bus-off; guests may start again once the host restarted the controller");
    ++counters_.bus_offs;
    return bus_off();
  }
  if (!received.frame) {
    ++counters_.rx_ignored;
    return;
  }
  if (!datagram.confirm) {
    if (!listener_) return;
    ++counters_.rx;
    return listener_->on_frame(*received.frame);
  }
  queue_.echo(*received.frame, loop_.now());
  report();
  // A frame left the interface's queue: no need to wait out the pause.
  if (retry_.running()) {
    retry_.stop();
    flush();
  }
}

void Socketcan::on_socket_error(int error) {
  if (is_down(error)) return interface_down(error);
  log_.warn("cannot receive: {}", std::generic_category().message(error));
}

// Tells the listener what became of its frames, in order.
void Socketcan::report() {
  while (const auto report = queue_.next_report()) {
    ++(report->ok ? counters_.tx : counters_.tx_failed);
    listener_->on_sent(report->token, report->ok);
  }
  watch_echoes();
}

// The timer is never stopped here: one that fires for nothing, once in a while, is cheaper
// than a cancellation per frame.
void Socketcan::watch_echoes() {
  const auto deadline = queue_.deadline();
  if (!deadline || held_) return;
  const uint64_t now = loop_.now();
  echo_timer_.start_once(std::chrono::nanoseconds(*deadline > now ? *deadline - now : 0));
}

void Socketcan::interface_down(int error) {
  if (!accepting_) return;
  ++counters_.downs;
  log_.warn("the interface is gone ({}); guests see bus-off and may start again once it is back{}",
            std::generic_category().message(error),
            error == ENODEV ? ", which after its removal takes a restart of the helper" : "");
  bus_off();
}

void Socketcan::bus_off() {
  if (!accepting_) return;
  accepting_ = false;
  retry_.stop();
  queue_.fail_all();
  report();
  // The listener may have stopped, or started again, while it heard of its frames.
  if (accepting_ || !listener_) return;
  become_deaf();
  std::exchange(listener_, nullptr)->on_bus_off();
}

}  // namespace stratos::hosts
