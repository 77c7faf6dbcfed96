// SPDX-License-Identifier: Apache-2.0
// Every schedule of a small ring: the device's queue of userspace/virtio against the driver's
// of tests/support, both as they are, with each access to shared memory a step of its own.
// And every schedule of the doorbell of a link, in the same way.

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "ring_model/doorbell_sides.h"
#include "ring_model/ring_sides.h"
#include "ring_model/search.h"

namespace stratos::model {
namespace {

enum class Stores { kInOrder, kWeak };

Findings check(const Run::Program& driver_program, const Run::Program& device_program,
               Stores stores, std::optional<Fault> fault) {
  Side driver(Who::kDriver, driver_program, fault);
  Side device(Who::kDevice, device_program, fault);
  const Findings findings = search(driver, device, stores == Stores::kWeak);
  std::printf("%llu states, %llu steps, %.3g schedules%s%s\n",
              static_cast<unsigned long long>(findings.states),
              static_cast<unsigned long long>(findings.steps), findings.schedules,
              findings.failure.empty() ? "" : ": ", findings.failure.c_str());
  return findings;
}

Findings check_ring(const Workload& workload, Stores stores, std::optional<Fault> fault = {}) {
  return check([&](Run& run) { drive(run, workload); }, [&](Run& run) { serve(run, workload); },
               stores, fault);
}

// Every store of a link is a release, so that there is one order of them only.
Findings check_doorbell(std::optional<Fault> fault = {}) {
  return check(announce, listen, Stores::kInOrder, fault);
}

// What the long test adds to each workload.
unsigned extra_requests() {
  const char* text = std::getenv("STRATOS_MODEL_EXTRA_REQUESTS");
  return text == nullptr ? 0 : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

struct Kind {
  const char* name;
  bool packed;
  bool event_idx;
};

class RingModel : public testing::TestWithParam<Kind> {
 protected:
  Workload workload(unsigned batch, unsigned segments = 1) const {
    return {.features = {.size = 4, .packed = GetParam().packed, .event_idx = GetParam().event_idx},
            .requests = 4 + batch + extra_requests(),
            .batch = batch,
            .segments = segments};
  }
};

TEST_P(RingModel, NoScheduleLosesAWakeUpOrAChain) {
  for (const auto& [batch, segments] : {std::pair{1U, 1U}, {2U, 1U}, {1U, 2U}}) {
    const Findings findings = check_ring(workload(batch, segments), Stores::kInOrder);
    EXPECT_EQ(findings.failure, "") << "batches of " << batch << "\n" << findings.schedule;
  }
}

TEST_P(RingModel, NorIfStoresLandOutOfOrder) {
  const Findings findings = check_ring(workload(2), Stores::kWeak);
  EXPECT_EQ(findings.failure, "") << findings.schedule;
}

// The barrier between a publication and the look whether to notify, and the one between
// asking for a notification and the last look: of either side.
TEST_P(RingModel, FindsAMissingBarrier) {
  for (const Who who : {Who::kDriver, Who::kDevice}) {
    for (const Call call : {Call::kPublish, Call::kEnable}) {
      const Findings findings = check_ring(workload(1), Stores::kInOrder, Fault{who, call});
      EXPECT_NE(findings.failure.find("lost wake-up"), std::string::npos) << to_string(who);
    }
  }
}

// With chains of two: a packed driver releases the flags of each descriptor, so that only
// a chain can become visible in part.
TEST_P(RingModel, FindsAMissingRelease) {
  for (const Who who : {Who::kDriver, Who::kDevice}) {
    const Findings findings = check_ring(workload(1, 2), Stores::kWeak,
                                         Fault{who, Call::kPublish, Fault::Part::kRelease});
    EXPECT_NE(findings.failure, "") << to_string(who);
    EXPECT_EQ(findings.failure.find("lost wake-up"), std::string::npos) << to_string(who);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, RingModel,
                         testing::Values(Kind{"SplitFlags", false, false},
                                         Kind{"SplitEventIdx", false, true},
                                         Kind{"PackedFlags", true, false},
                                         Kind{"PackedEventIdx", true, true}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(DoorbellModel, NoScheduleLosesAWakeUp) {
  const Findings findings = check_doorbell();
  EXPECT_EQ(findings.failure, "") << findings.schedule;
}

TEST(DoorbellModel, FindsAMissingBarrier) {
  for (const Fault& fault : {Fault{.who = Who::kDriver, .call = Call::kCommit, .nth = 0},
                             Fault{.who = Who::kDriver, .call = Call::kCommit, .nth = 1},
                             Fault{.who = Who::kDevice, .call = Call::kAcknowledge},
                             Fault{.who = Who::kDevice, .call = Call::kNeedWakeup}}) {
    const Findings findings = check_doorbell(fault);
    EXPECT_NE(findings.failure.find("lost wake-up"), std::string::npos)
        << to_string(fault.who) << ", barrier " << fault.nth;
  }
}

}  // namespace
}  // namespace stratos::model
