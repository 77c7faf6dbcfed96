// SPDX-License-Identifier: Apache-2.0
// The device side of a link against a driver side that writes what it likes, wherever it
// can: messages, indices, notifications, rings, and the records for a successor.
#include <memory>

#include "msg_driver.h"
#include "virtio/echo_device.h"
#include "virtio/msg_link.h"

#include "input.h"

namespace stratos::fuzz {
namespace {

using namespace virtio;

constexpr size_t kRegionSize = 512 << 10;
constexpr uint64_t kDeviceMemory = 32 << 10;

class Link final : private Doorbell, private Observer {
 public:
  explicit Link(Input& input) : input_(input), region_(kRegionSize) {
    write_layout(region_, *plan_layout({.region_size = kRegionSize, .private_size = 64 << 10}));
    layout_ = *read_layout(region_);
    driver_.attach(region_, layout_, Role::kDriver);
    open();
    driver_.new_epoch();
    for (const LinkStatus status : {LinkStatus::kInit, LinkStatus::kReady, LinkStatus::kRun}) {
      driver_.set_status(status);
      turn();
      driver_.bind_peer(driver_.peer().epoch);
      turn();
    }
  }

  void run() {
    while (input_.more()) {
      switch (input_.up_to(9)) {
        case 0:
          scribble_anywhere();
          break;
        case 1:
          die();
          break;
        case 2:
          notify();
          break;
        case 3:
          hot_plug();
          break;
        case 4:
          send_raw();
          break;
        case 5:
        case 6:
          turn();
          break;
        default:
          send_request();
          break;
      }
    }
  }

 private:
  void ring(uint32_t) override {}
  void on_event(Event, uint16_t, uint32_t) override {}

  void open() {
    link_ = std::make_unique<MsgLink>();
    LinkOptions options;
    if (input_.chance()) options.layout = WireLayout::kL1;
    if (!link_->attach(region_, *this, *this, options)) {
      link_.reset();  // page 0 is not ours to scribble on, so only the rest can be wrong
      return;
    }
    for (uint16_t number = 0; number < 2; ++number) {
      devices_[number] = std::make_unique<test::EchoDevice>();
      static_cast<void>(link_->add_device(number, *devices_[number], kDeviceMemory));
    }
    link_->start(now_);
  }

  void turn() {
    now_ += input_.up_to<uint64_t>(400'000'000);
    if (!link_) return;
    link_->service(now_, 16);
    link_->flush();
    if (input_.chance()) link_->prepare_sleep();
    static_cast<void>(link_->next_deadline(now_));
  }

  void die() {
    if (link_ && input_.chance()) link_->detach();
    link_.reset();
    while (input_.chance() && input_.more()) {
      input_.scribble(std::span(region_).subspan(layout_.device_private.offset, 16 << 10), 16);
    }
    open();
  }

  void hot_plug() {
    if (!link_) return;
    const auto number = static_cast<uint16_t>(input_.up_to(1));
    if (input_.chance()) {
      link_->remove_device(number);
    } else {
      static_cast<void>(link_->add_device(number, *devices_[number], kDeviceMemory));
    }
  }

  // Everything behind page 0: also what only the device side should write.
  void scribble_anywhere() {
    const auto all = std::span(region_).subspan(kPageSize);
    const auto driver_pages = all.subspan(layout_.driver.head.offset - kPageSize, 4 * kPageSize);
    const auto pool = std::span(region_).subspan(layout_.pool.offset, 2 * kDeviceMemory);
    switch (input_.up_to(2)) {
      case 0:
        return input_.scribble(driver_pages, 16);
      case 1:
        return input_.scribble(pool, 64);
      default:
        return input_.scribble(all, 16);
    }
  }

  void notify() {
    driver_.notify(input_.up_to(1023));
    driver_.commit();
  }

  void send_raw() { send(input_.bytes(layout_.element_size)); }

  // A good header, and a payload of any sort.
  void send_request() {
    std::vector<std::byte> message(kMessageHeaderSize + 24);
    const auto payload = input_.bytes(24);
    std::ranges::copy(payload, message.begin() + kMessageHeaderSize);
    MessageHeader header;
    header.response = input_.up_to(7) == 0;
    header.bus = input_.chance();
    header.id = input_.up_to<uint8_t>(15);
    header.device = static_cast<uint16_t>(input_.up_to(2));
    header.size = static_cast<uint16_t>(message.size());
    encode_header(message, header);
    send(message);
  }

  void send(std::span<const std::byte> message) {
    if (message.empty() || !driver_.can_send()) return;
    driver_.send(message);
    driver_.notify(MsgEndpoint::kMessageBit);
    driver_.commit();
    if (input_.chance()) return;
    turn();
    // Make room for the answers.
    std::vector<std::byte> slot(layout_.element_size);
    while (driver_.receive(slot) == ReceiveResult::kMessage) driver_.consume();
  }

  Input& input_;
  std::vector<std::byte> region_;
  Layout layout_;
  MsgEndpoint driver_;
  std::array<std::unique_ptr<test::EchoDevice>, 2> devices_;
  std::unique_ptr<MsgLink> link_;
  Time now_ = 0;
};

void run(Input& input) { Link(input).run(); }

}  // namespace
}  // namespace stratos::fuzz

STRATOS_FUZZER(stratos::fuzz::run)
