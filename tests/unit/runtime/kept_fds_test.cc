// SPDX-License-Identifier: Apache-2.0
// What is handed to a service manager, and what comes back from one.

#include "runtime/kept_fds.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

namespace stratos::runtime {
namespace {

UniqueFd some_file(const char* name) { return UniqueFd(memfd_create(name, MFD_CLOEXEC)); }

bool same_file(int a, int b) {
  struct stat first {};
  struct stat second {};
  return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_ino == second.st_ino;
}

// The end of a service manager that listens.
class Manager {
 public:
  Manager() : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socklen_t length = sizeof(address.sun_family);  // the kernel picks an abstract name
    if (!socket_ || bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
      throw std::runtime_error("no notify socket");
    }
    length = sizeof(address);
    getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    const std::string name(address.sun_path + 1, length - offsetof(sockaddr_un, sun_path) - 1);
    setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  }
  ~Manager() { unsetenv("NOTIFY_SOCKET"); }

  struct Message {
    std::string text;
    UniqueFd fd;
  };

  Message next() const {
    std::array<char, 512> text{};
    alignas(cmsghdr) std::array<char, 256> control{};
    iovec into{.iov_base = text.data(), .iov_len = text.size()};
    msghdr header{};
    header.msg_iov = &into;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t got = recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0) return {};
    Message message{.text = std::string(text.data(), static_cast<size_t>(got)), .fd = UniqueFd()};
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
      if (c->cmsg_type != SCM_RIGHTS) continue;
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c), sizeof(fd));
      message.fd.reset(fd);
    }
    return message;
  }

 private:
  UniqueFd socket_;
};

TEST(KeptFds, AreHandedToTheServiceManagerByName) {
  const Manager manager;
  const UniqueFd file = some_file("a");
  keep_fd("a", file.get());
  const Manager::Message message = manager.next();
  EXPECT_EQ(message.text, "FDSTORE=1\nFDPOLL=0\nFDNAME=a");
  EXPECT_TRUE(same_file(message.fd.get(), file.get()));
  forget_fd("a");
  EXPECT_EQ(manager.next().text, "FDSTOREREMOVE=1\nFDNAME=a");
}

TEST(KeptFds, AreNobodysWithoutAServiceManager) {
  keep_fd("a", some_file("a").get());
  EXPECT_FALSE(take_kept_fd("a").valid());
  forget_untaken_fds();
}

// In a process of their own: they have fixed numbers, and are looked for once.
[[noreturn]] void take_in_a_new_process() {
  const UniqueFd a(fcntl(some_file("a").get(), F_DUPFD_CLOEXEC, 100));
  const UniqueFd b(fcntl(some_file("b").get(), F_DUPFD_CLOEXEC, 100));
  dup2(a.get(), 3);
  dup2(b.get(), 4);
  const Manager manager;  // not on one of these numbers
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  setenv("LISTEN_FDS", "2", 1);
  setenv("LISTEN_FDNAMES", "a:b", 1);

  const UniqueFd taken = take_kept_fd("b");
  if (!same_file(taken.get(), b.get())) std::_Exit(1);
  if (take_kept_fd("b").valid() || take_kept_fd("c").valid()) std::_Exit(2);
  forget_untaken_fds();
  if (manager.next().text != "FDSTOREREMOVE=1\nFDNAME=a") std::_Exit(3);
  if (!manager.next().text.empty()) std::_Exit(4);
  if (fcntl(3, F_GETFD) != -1 || fcntl(4, F_GETFD) != FD_CLOEXEC) std::_Exit(5);
  std::_Exit(0);
}

TEST(KeptFds, ComeBackOnceEachAndAreForgottenIfNobodyTakesThem) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(take_in_a_new_process(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace stratos::runtime
