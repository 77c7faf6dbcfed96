// SPDX-License-Identifier: Apache-2.0
// Every schedule of a small ring: the device's queue of userspace/virtio against the driver's
// of tests/support, both as they are, with each access to shared memory a step of its own.

#include <gtest/gtest.h>

#include <cstdio>
#include <optional>
#include <string>

#include "ring_model/ring_sides.h"
#include "ring_model/search.h"

namespace stratos::model {
namespace {

using virtio::QueueSetup;

Findings check(const Workload& workload, std::optional<MissingBarrier> missing = {},
               bool weak_stores = false) {
  Side driver(
      Who::kDriver, [&](Run& run) { drive(run, workload); }, missing);
  Side device(
      Who::kDevice, [&](Run& run) { serve(run, workload); }, missing);
  const Findings findings = search(driver, device, weak_stores);
  std::printf("%llu states, %llu steps, %.3g schedules; driver %zu, device %zu of its own\n",
              static_cast<unsigned long long>(findings.states),
              static_cast<unsigned long long>(findings.steps), findings.schedules, driver.states(),
              device.states());
  return findings;
}

struct Kind {
  const char* name;
  bool packed;
  bool event_idx;
};

class RingModel : public testing::TestWithParam<Kind> {
 protected:
  Workload workload(unsigned batch) const {
    return {.features = {.size = 4, .packed = GetParam().packed, .event_idx = GetParam().event_idx},
            .requests = 4 + batch,
            .batch = batch};
  }
};

TEST_P(RingModel, NoScheduleLosesAWakeUpOrAChain) {
  for (const unsigned batch : {1U, 2U}) {
    const Findings findings = check(workload(batch));
    EXPECT_EQ(findings.failure, "") << "batches of " << batch << "\n" << findings.schedule;
  }
}

TEST_P(RingModel, NorIfStoresLandOutOfOrder) {
  const Findings findings = check(workload(2), {}, true);
  EXPECT_EQ(findings.failure, "") << findings.schedule;
}

TEST_P(RingModel, FindsAMissingBarrier) {
  for (const Who who : {Who::kDriver, Who::kDevice}) {
    for (const Call call : {Call::kPublish, Call::kEnable}) {
      const Findings findings = check(workload(1), MissingBarrier{who, call});
      EXPECT_NE(findings.failure.find("lost wake-up"), std::string::npos)
          << to_string(who) << " " << static_cast<int>(call) << ": " << findings.failure;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, RingModel,
                         testing::Values(Kind{"SplitFlags", false, false},
                                         Kind{"SplitEventIdx", false, true},
                                         Kind{"PackedFlags", true, false},
                                         Kind{"PackedEventIdx", true, true}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace stratos::model
