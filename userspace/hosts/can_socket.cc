// SPDX-License-Identifier: Apache-2.0
#include "hosts/can_socket.h"

#include <fmt/format.h>
#include <linux/can.h>
#include <linux/can/error.h>
#include <linux/can/raw.h>
#include <linux/filter.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <bit>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <system_error>
#include <utility>

#include "runtime/unique_fd.h"

namespace stratos::hosts {
namespace {

// Room for what a full bus of 1 Mbit/s carries in a second, while a guest takes nothing.
// The kernel doubles the value and counts its own bookkeeping, 0.75 KiB a frame, against it.
constexpr int kReceiveBuffer = 4 << 20;

std::unexpected<std::string> bad(std::string text) { return std::unexpected(std::move(text)); }

bool set_option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

ifreq request_for(const std::string& interface) {
  ifreq request{};
  interface.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  return request;
}

// Error frames pass, nothing else. A program and not CAN_RAW_FILTER, for which the kernel
// takes the lock of all its network interfaces: a driver of this kernel that has us serve
// it may hold that while it waits for us.
constexpr uint32_t kFlagsByte = std::endian::native == std::endian::little ? 3 : 0;
constexpr sock_filter kOnlyErrors[] = {
    {BPF_LD | BPF_B | BPF_ABS, 0, 0, kFlagsByte},  // of the id
    {BPF_JMP | BPF_JSET | BPF_K, 0, 1, CAN_ERR_FLAG >> 24},
    {BPF_RET | BPF_K, 0, 0, UINT32_MAX},
    {BPF_RET | BPF_K, 0, 0, 0},
};

class RawCanSocket final : public CanSocket {
 public:
  RawCanSocket(runtime::UniqueFd socket, std::string interface, bool fd_frames)
      : fd_(std::move(socket)), interface_(std::move(interface)), fd_frames_(fd_frames) {}

  int fd() const override { return fd_.get(); }
  bool fd_frames() const override { return fd_frames_; }

  bool up() const override {
    ifreq request = request_for(interface_);
    if (ioctl(fd_.get(), SIOCGIFFLAGS, &request) != 0) return false;
    constexpr int kNeeded = IFF_UP | IFF_RUNNING;
    return (request.ifr_flags & kNeeded) == kNeeded;
  }

  void listen(bool on) override {
    if (on) {
      set_option(fd_.get(), SOL_SOCKET, SO_DETACH_FILTER, 0);
    } else {
      const sock_fprog program{.len = static_cast<unsigned short>(std::size(kOnlyErrors)),
                               .filter = const_cast<sock_filter*>(kOnlyErrors)};
      setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
    }
  }

 private:
  runtime::UniqueFd fd_;
  const std::string interface_;
  const bool fd_frames_;
};

std::string explain_socket_error(int error) {
  switch (error) {
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
      return "this kernel has no CAN sockets; load the module: modprobe can-raw";
    case EPERM:
    case EACCES:
      return "no permission for CAN sockets; they need no capability, so a container or "
             "RestrictAddressFamilies= forbids them: allow AF_CAN";
    default:
      return fmt::format("cannot open a CAN socket: {}", std::generic_category().message(error));
  }
}

// Whether FD frames can be used on `interface`.
std::expected<bool, std::string> check_interface(int fd, const CanSocketOptions& options) {
  const std::string& name = options.interface;
  ifreq request = request_for(name);
  if (name.size() >= IFNAMSIZ || ioctl(fd, SIOCGIFHWADDR, &request) != 0) {
    return bad(fmt::format("{}: no such network interface; `ip link` shows those there are", name));
  }
  if (request.ifr_hwaddr.sa_family != ARPHRD_CAN) {
    return bad(
        fmt::format("{}: not a CAN interface; `ip link show type can` and `ip link show "
                    "type vcan` show those there are",
                    name));
  }
  request = request_for(name);
  if (ioctl(fd, SIOCGIFMTU, &request) != 0) {
    return bad(
        fmt::format("{}: cannot read the MTU: {}", name, std::generic_category().message(errno)));
  }
  const bool possible = request.ifr_mtu >= static_cast<int>(CANFD_MTU);
  if (options.fd == FdFrames::kRequired && !possible) {
    return bad(
        fmt::format("{0}: CAN FD is wanted but the interface carries classic frames only "
                    "(MTU {1}); `ip link set {0} type can fd on dbitrate ...`, for a vcan "
                    "`ip link set {0} mtu 72`, or configure the device without fd",
                    name, request.ifr_mtu));
  }
  return possible && options.fd != FdFrames::kOff;
}

std::expected<void, std::string> bind_to(int fd, const std::string& interface) {
  sockaddr_can address{};
  address.can_family = AF_CAN;
  address.can_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return {};
  return bad(fmt::format("{}: cannot bind a CAN socket: {}", interface,
                         std::generic_category().message(errno)));
}

bool set_up(int fd, bool fd_frames, bool echo) {
  const can_err_mask_t errors = CAN_ERR_BUSOFF | CAN_ERR_RESTARTED;
  // Beyond the system's limit where we may, else up to it.
  if (!set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBuffer)) {
    set_option(fd, SOL_SOCKET, SO_RCVBUF, kReceiveBuffer);
  }
  return set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1) &&
         set_option(fd, SOL_CAN_RAW, CAN_RAW_FD_FRAMES, fd_frames ? 1 : 0) &&
         set_option(fd, SOL_CAN_RAW, CAN_RAW_RECV_OWN_MSGS, echo ? 1 : 0) &&
         setsockopt(fd, SOL_CAN_RAW, CAN_RAW_ERR_FILTER, &errors, sizeof(errors)) == 0;
}

}  // namespace

std::expected<std::unique_ptr<CanSocket>, std::string> open_can_socket(
    const CanSocketOptions& options) {
  runtime::UniqueFd fd(socket(PF_CAN, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, CAN_RAW));
  if (!fd) return bad(fmt::format("{}: {}", options.interface, explain_socket_error(errno)));
  const auto fd_frames = check_interface(fd.get(), options);
  if (!fd_frames) return bad(fd_frames.error());
  auto result = std::make_unique<RawCanSocket>(std::move(fd), options.interface, *fd_frames);
  // Deaf before it is bound, so that nothing old is heard by the first guest that starts.
  result->listen(false);
  if (!set_up(result->fd(), *fd_frames, options.echo)) {
    return bad(fmt::format("{}: cannot set up the CAN socket: {}", options.interface,
                           std::generic_category().message(errno)));
  }
  if (auto bound = bind_to(result->fd(), options.interface); !bound) return bad(bound.error());
  return result;
}

}  // namespace stratos::hosts
