// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "hosts/datagram_receiver.h"
#include "hosts/datagram_sender.h"
#include "hosts/socket_pair.h"
#include "runtime/loop.h"

namespace stratos::test {
namespace {

using hosts::DatagramReceiver;
using hosts::DatagramSender;

std::array<std::byte, 16> numbered_bytes(uint32_t number) {
  std::array<std::byte, 16> bytes{};
  std::memcpy(bytes.data(), &number, sizeof(number));
  return bytes;
}

uint32_t number_in(std::span<const std::byte> bytes) {
  uint32_t number = UINT32_MAX;
  if (bytes.size() == 16) std::memcpy(&number, bytes.data(), sizeof(number));
  return number;
}

class Datagrams : public testing::Test {
 protected:
  void SetUp() override {
    auto created = runtime::Loop::create({.entries = 64});
    ASSERT_TRUE(created) << created.error();
    loop = std::move(*created);
  }
  SocketPair pair;
  std::unique_ptr<runtime::Loop> loop;
};

// Many times what the pool holds, in bursts of any size.
TEST_F(Datagrams, AreReceivedCompletelyAndInOrder) {
  uint32_t got = 0;
  uint32_t wrong = 0;
  DatagramReceiver receiver(*loop, pair.ours.get(),
                            {.on_datagram =
                                 [&](const hosts::Datagram& datagram) {
                                   if (number_in(datagram.bytes) != got++) ++wrong;
                                   if (datagram.confirm) ++wrong;
                                 },
                             .on_error = [&](int) { ++wrong; }});
  constexpr uint32_t kCount = 20'000;
  uint32_t sent = 0;
  for (uint32_t burst = 1; got < kCount; burst = burst % 300 + 7) {
    for (uint32_t i = 0; i < burst && sent < kCount; ++i) {
      if (!pair.write(numbered_bytes(sent))) break;
      ++sent;
    }
    loop->turn(got < sent);
  }
  EXPECT_EQ(got, kCount);
  EXPECT_EQ(wrong, 0U);
}

TEST_F(Datagrams, OfTheLargestSizeAreReceivedWhole) {
  size_t size = 0;
  DatagramReceiver receiver(
      *loop, pair.ours.get(),
      {.on_datagram = [&](const hosts::Datagram& datagram) { size = datagram.bytes.size(); },
       .on_error = [](int) {}});
  const std::array<std::byte, DatagramReceiver::kMaxDatagram> bytes{};
  ASSERT_TRUE(pair.write(bytes));
  while (size == 0) loop->turn(true);
  EXPECT_EQ(size, bytes.size());
}

// More than the pool holds: the rest waits in the socket.
TEST_F(Datagrams, WaitWhileTheyAreHeldAndComeInOrder) {
  std::vector<uint32_t> got;
  DatagramReceiver* self = nullptr;
  DatagramReceiver receiver(*loop, pair.ours.get(),
                            {.on_datagram =
                                 [&](const hosts::Datagram& datagram) {
                                   got.push_back(number_in(datagram.bytes));
                                   if (got.size() % 100 == 0) self->hold();
                                 },
                             .on_error = [](int) {}});
  self = &receiver;
  constexpr uint32_t kCount = 3000;
  uint32_t sent = 0;
  for (uint32_t holds = 1; got.size() < kCount; ++holds) {
    // Until nothing fits any more, neither here nor in the socket.
    int full = 0;
    while (full < 3) {
      const bool wrote = sent < kCount && pair.write(numbered_bytes(sent));
      wrote ? static_cast<void>(++sent) : static_cast<void>(++full);
      loop->turn(false);
    }
    ASSERT_EQ(got.size(), 100 * holds);
    receiver.resume();
    EXPECT_EQ(got.size(), 100 * holds) << "reported from within resume()";
    while (got.size() == 100 * holds && got.size() < kCount) loop->turn(true);
  }
  for (uint32_t i = 0; i < kCount; ++i) ASSERT_EQ(got[i], i);
}

TEST_F(Datagrams, ThatWereHeldAreGoneAfterDiscard) {
  std::vector<uint32_t> got;
  DatagramReceiver receiver(
      *loop, pair.ours.get(),
      {.on_datagram = [&](const auto& datagram) { got.push_back(number_in(datagram.bytes)); },
       .on_error = [](int) {}});
  uint32_t sent = 0;
  for (int round = 0; round < 3; ++round) {
    receiver.hold();
    const uint32_t first = sent;
    while (sent < first + 300 && pair.write(numbered_bytes(sent))) {
      ++sent;
      loop->turn(false);
    }
    ASSERT_GT(sent, first + 256) << "the socket held nothing";
    receiver.discard();
    for (int i = 0; i < 5; ++i) loop->turn(false);
    EXPECT_TRUE(got.empty());
    ASSERT_TRUE(pair.write(numbered_bytes(77)));
    while (got.empty()) loop->turn(true);
    EXPECT_EQ(got, std::vector<uint32_t>{77});
    got.clear();
  }
}

TEST_F(Datagrams, AReceiverMayGoWhileTheKernelIsBusyWithIt) {
  for (int i = 0; i < 20; ++i) {
    DatagramReceiver receiver(*loop, pair.ours.get(),
                              {.on_datagram = [](const auto&) {}, .on_error = [](int) {}});
    ASSERT_TRUE(pair.write(numbered_bytes(1)));
    if (i % 2 == 0) loop->turn(false);
  }
  for (int i = 0; i < 5; ++i) loop->turn(false);
}

TEST_F(Datagrams, AreSentInOrderInBatches) {
  std::optional<DatagramSender::Result> result;
  DatagramSender sender(*loop, pair.ours.get(), [&](DatagramSender::Result r) { result = r; });
  uint32_t next = 0;
  int refused = 0;
  for (int batch = 0; batch < 50; ++batch) {
    for (size_t i = 0; i < DatagramSender::kMaxBatch; ++i) sender.add(numbered_bytes(next++));
    result.reset();
    sender.submit();
    EXPECT_TRUE(sender.busy());
    uint32_t first = next - static_cast<uint32_t>(DatagramSender::kMaxBatch);
    while (!result) loop->turn(false);
    // A socket pair holds only few datagrams: what it refused was not sent, nor was
    // anything behind it.
    EXPECT_GT(result->accepted, 0U);
    if (result->error != 0) ++refused;
    EXPECT_EQ(result->accepted < DatagramSender::kMaxBatch, result->error == EAGAIN);
    for (size_t i = 0; i < result->accepted; ++i) {
      ASSERT_EQ(number_in(pair.read()), first++);
    }
    ASSERT_TRUE(pair.read().empty());
    next = first;
  }
  EXPECT_GT(refused, 0);
}

TEST_F(Datagrams, AnErrorNamesTheFirstThatWasRefused) {
  std::optional<DatagramSender::Result> result;
  DatagramSender sender(*loop, pair.ours.get(), [&](DatagramSender::Result r) { result = r; });
  pair.theirs.reset();
  sender.add(numbered_bytes(0));
  sender.add(numbered_bytes(1));
  sender.submit();
  while (!result) loop->turn(true);
  EXPECT_EQ(result->accepted, 0U);
  EXPECT_EQ(result->error, ECONNREFUSED);
}

}  // namespace
}  // namespace stratos::test
