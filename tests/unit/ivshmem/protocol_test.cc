// SPDX-License-Identifier: Apache-2.0
#include "ivshmem/protocol.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace stratos::ivshmem {
namespace {

class Protocol : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    server_.reset(ends[0]);
    client_.reset(ends[1]);
  }
  runtime::UniqueFd server_, client_;
  MessageReader reader_;
};

TEST_F(Protocol, NumbersAndDescriptorsArriveAsSentAndApart) {
  const runtime::UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(send_message(server_.get(), kProtocolVersion).has_value());
  ASSERT_TRUE(send_message(server_.get(), kDriverPeer).has_value());
  ASSERT_TRUE(send_message(server_.get(), kMemory, null.get()).has_value());
  const std::array<std::pair<int64_t, bool>, 3> expected = {{{0, false}, {2, false}, {-1, true}}};
  for (const auto& [value, with_fd] : expected) {
    auto message = reader_.read(client_.get());
    ASSERT_TRUE(message.has_value() && message->has_value());
    EXPECT_EQ((*message)->value, value);
    EXPECT_EQ((*message)->fd.valid(), with_fd);
  }
  auto none = reader_.read(client_.get());
  ASSERT_TRUE(none.has_value());
  EXPECT_FALSE(none->has_value());
}

TEST_F(Protocol, WireIsEightBytesLittleEndian) {
  ASSERT_TRUE(send_message(server_.get(), 0x0102).has_value());
  std::array<unsigned char, 16> bytes{};
  ASSERT_EQ(read(client_.get(), bytes.data(), bytes.size()), 8);
  EXPECT_EQ(bytes[0], 0x02);
  EXPECT_EQ(bytes[1], 0x01);
  EXPECT_EQ(bytes[2], 0x00);
}

TEST_F(Protocol, MessageInPiecesIsPutTogether) {
  const std::array<unsigned char, 8> bytes = {7, 0, 0, 0, 0, 0, 0, 0};
  ASSERT_EQ(write(server_.get(), bytes.data(), 3), 3);
  auto message = reader_.read(client_.get());
  ASSERT_TRUE(message.has_value());
  EXPECT_FALSE(message->has_value());
  ASSERT_EQ(write(server_.get(), bytes.data() + 3, 5), 5);
  message = reader_.read(client_.get());
  ASSERT_TRUE(message.has_value() && message->has_value());
  EXPECT_EQ((*message)->value, 7);
}

TEST_F(Protocol, EndInTheMiddleOfAMessageIsAnError) {
  ASSERT_EQ(write(server_.get(), "abc", 3), 3);
  server_.reset();
  EXPECT_FALSE(reader_.read(client_.get()).has_value());
}

TEST_F(Protocol, TwoDescriptorsInOneMessageAreAnErrorAndDoNotLeak) {
  const int before = dup(0);
  close(before);
  {
    const runtime::UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    const int fds[2] = {null.get(), null.get()};
    uint64_t value = 0;
    iovec bytes{.iov_base = &value, .iov_len = sizeof(value)};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(fds))> control{};
    msghdr header{};
    header.msg_iov = &bytes;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(fds));
    std::memcpy(CMSG_DATA(rights), fds, sizeof(fds));
    ASSERT_EQ(sendmsg(server_.get(), &header, 0), 8);
    MessageReader reader;
    EXPECT_FALSE(reader.read(client_.get()).has_value());
  }
  const int after = dup(0);
  close(after);
  EXPECT_EQ(before, after);
}

}  // namespace
}  // namespace stratos::ivshmem
