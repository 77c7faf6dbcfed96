// SPDX-License-Identifier: Apache-2.0
// A hub that dies and comes back, with a service manager that keeps its descriptors.

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>

#include "drain.h"
#include "hub/fake_client.h"
#include "hub/kept_hub.h"

namespace stratos::hub {
namespace {

// The last byte belongs to nobody's layout.
std::byte& mark(const runtime::Mapping& memory) { return memory.bytes().back(); }

class KeptHubTest : public testing::Test {
 protected:
  std::string link(const std::string& name, const std::string& size = "1M", int vectors = 1) const {
    return "[[link]]\nname = \"" + name + "\"\nsize = \"" + size +
           "\"\nvectors = " + std::to_string(vectors) + "\ndriver_socket = \"" +
           scratch_.file(name + ".qemu") + "\"\ndevice_socket = \"" +
           scratch_.file(name + ".sock") + "\"\n";
  }
  void start(const std::string& config) {
    hub_ = std::make_unique<KeptHub>(scratch_, config);
    ASSERT_TRUE(hub_->says("ready 1")) << hub_->errors();
  }
  std::unique_ptr<FakeClient> sit(const std::string& name, size_t messages = 5) {
    auto client = std::make_unique<FakeClient>(scratch_.file(name));
    EXPECT_TRUE(client->wait_for(messages)) << hub_->errors();
    return client;
  }
  // Sits at the driver's seat of a link, and the connection is kept.
  std::unique_ptr<FakeClient> sit_down(const std::string& link, size_t messages = 5) {
    auto client = sit(link + ".qemu", messages);
    EXPECT_TRUE(hub_->says("kept " + link + ".driver.client")) << hub_->errors();
    return client;
  }

  ScratchDirectory scratch_;
  std::unique_ptr<KeptHub> hub_;
};

struct Death {
  const char* name;
  void (KeptHub::*die)() const;
};

void PrintTo(const Death& death, std::ostream* out) { *out << death.name; }

class EachDeathOfTheHub : public KeptHubTest, public testing::WithParamInterface<Death> {};

TEST_P(EachDeathOfTheHub, IsNoticedByNobody) {
  start(link("a"));
  auto driver = sit_down("a");
  mark(map(*driver)) = std::byte{42};
  bell(*driver, ivshmem::kDevicePeer).ring();  // while nobody sits there

  (*hub_.*GetParam().die)();
  ASSERT_TRUE(hub_->says("ready 2")) << hub_->errors();
  auto device = sit("a.sock");
  EXPECT_EQ(mark(map(*device)), std::byte{42});
  EXPECT_TRUE(test::drain(bell(*device, ivshmem::kDevicePeer)));
  bell(*device, ivshmem::kDriverPeer).ring();
  EXPECT_TRUE(test::drain(bell(*driver, ivshmem::kDriverPeer)));
  EXPECT_FALSE(driver->closed());
}

TEST_P(EachDeathOfTheHub, LeavesTheSeatToWhoSitsThere) {
  start(link("a"));
  auto driver = sit_down("a");
  (*hub_.*GetParam().die)();
  ASSERT_TRUE(hub_->says("ready 2")) << hub_->errors();
  FakeClient second(scratch_.file("a.qemu"));
  EXPECT_TRUE(second.wait_until_closed());
  EXPECT_TRUE(second.messages().empty());

  driver.reset();
  EXPECT_TRUE(hub_->says("forgot a.driver.client"));
  driver = sit_down("a");
  (*hub_.*GetParam().die)();
  ASSERT_TRUE(hub_->says("ready 3")) << hub_->errors();
  FakeClient third(scratch_.file("a.qemu"));
  EXPECT_TRUE(third.wait_until_closed());
  EXPECT_FALSE(driver->closed());
}

INSTANTIATE_TEST_SUITE_P(All, EachDeathOfTheHub,
                         testing::Values(Death{"crash", &KeptHub::crash},
                                         Death{"restart", &KeptHub::restart}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(KeptHubTest, ClientThatLeftWhileTheHubWasAwayDoesNotKeepTheSeat) {
  start(link("a"));
  auto driver = sit_down("a");
  hub_->freeze();
  driver.reset();
  hub_->crash();
  ASSERT_TRUE(hub_->says("ready 2")) << hub_->errors();
  EXPECT_TRUE(hub_->says("forgot a.driver.client"));
  sit_down("a");
}

struct Change {
  const char* name;
  const char* size;
  int vectors;
  const char* warning;
};

void PrintTo(const Change& change, std::ostream* out) { *out << change.name; }

class EachChangeOfALink : public KeptHubTest, public testing::WithParamInterface<Change> {};

TEST_P(EachChangeOfALink, BeginsAnewAndSaysWhy) {
  start(link("a"));
  auto driver = sit_down("a");
  mark(map(*driver)) = std::byte{42};
  bell(*driver, ivshmem::kDevicePeer).ring();

  const Change& change = GetParam();
  const auto messages = static_cast<size_t>(3 + 2 * change.vectors);
  hub_->configure(link("a", change.size, change.vectors));
  hub_->crash();
  ASSERT_TRUE(hub_->says("ready 2")) << hub_->errors();
  EXPECT_NE(hub_->errors().find(change.warning), std::string::npos) << hub_->errors();
  EXPECT_TRUE(driver->wait_until_closed());
  driver = sit_down("a", messages);
  EXPECT_EQ(mark(map(*driver)), std::byte{0});
  EXPECT_FALSE(test::drain(bell(*driver, ivshmem::kDevicePeer)));

  // The new one is kept as the old one was.
  mark(map(*driver)) = std::byte{43};
  hub_->crash();
  ASSERT_TRUE(hub_->says("ready 3")) << hub_->errors();
  EXPECT_EQ(mark(map(*sit("a.sock", messages))), std::byte{43});
  EXPECT_FALSE(driver->closed());
}

INSTANTIATE_TEST_SUITE_P(
    All, EachChangeOfALink,
    testing::Values(Change{"size", "2M", 1,
                           "link a: what was kept is of no use: the memory has 1048576 bytes, "
                           "and now 2097152 are wanted; beginning anew\n"},
                    Change{"vectors", "1M", 2,
                           "link a: what was kept is of no use: doorbell 1 of the device's seat "
                           "is missing; beginning anew\n"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(KeptHubTest, LinkThatIsConfiguredNoMoreIsForgottenAndTheOthersStay) {
  start(link("a") + link("b"));
  auto a = sit_down("a");
  auto b = sit_down("b");
  hub_->configure(link("a"));
  hub_->crash();
  EXPECT_TRUE(hub_->says("forgot b.memory"));
  ASSERT_TRUE(hub_->says("ready 2")) << hub_->errors();
  EXPECT_TRUE(b->wait_until_closed());
  EXPECT_FALSE(a->closed());
  EXPECT_EQ(hub_->errors().find("of no use"), std::string::npos) << hub_->errors();
}

}  // namespace
}  // namespace stratos::hub
