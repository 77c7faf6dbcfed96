// SPDX-License-Identifier: Apache-2.0
#include "stratosd/virtual_can_bus.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "hosts/candump_record.h"
#include "hosts/candump_replay.h"
#include "hosts/virtual_bus.h"
#include "hosts/virtual_bus_runner.h"

namespace stratos::daemon {
namespace {

class VirtualCanBus final : public CanBus {
 public:
  VirtualCanBus(runtime::Loop& loop, const BusConfig& config)
      : bus_({.rate = {.nominal = config.bitrate, .data = config.data_bitrate},
              .overload = config.overload}),
        runner_(loop, bus_) {}

  std::expected<void, std::string> open_logs(runtime::Loop& loop, const BusConfig& config);

  std::expected<can::Bus*, std::string> join(const std::string& name) override {
    return &bus_.add_port(name);
  }
  void begin() override {
    if (replay_) replay_->start();
  }
  nlohmann::ordered_json counters() const override;

 private:
  hosts::VirtualBus bus_;
  hosts::VirtualBusRunner runner_;
  std::unique_ptr<hosts::CandumpRecorder> recorder_;
  std::unique_ptr<hosts::CandumpReplay> replay_;
};

std::expected<void, std::string> VirtualCanBus::open_logs(runtime::Loop& loop,
                                                          const BusConfig& config) {
  if (!config.record.empty()) {
    auto recorder = hosts::CandumpRecorder::open(loop, bus_.add_port("record"),
                                                 {.file = config.record, .interface = config.name});
    if (!recorder) return std::unexpected(std::move(recorder.error()));
    recorder_ = std::move(*recorder);
  }
  if (!config.replay.empty()) {
    auto replay = hosts::CandumpReplay::open(
        loop, bus_.add_port("replay"),
        {.file = config.replay, .interface = {}, .rounds = config.replay_rounds, .on_end = {}});
    if (!replay) return std::unexpected(std::move(replay.error()));
    replay_ = std::move(*replay);
  }
  return {};
}

nlohmann::ordered_json VirtualCanBus::counters() const {
  nlohmann::ordered_json counters{{"frames", bus_.frames()}};
  if (replay_) {
    counters["replayed"] = replay_->counters().played;
    counters["replay_failed"] = replay_->counters().failed;
    counters["replay_skipped"] = replay_->counters().skipped;
  }
  if (recorder_) {
    counters["recorded"] = recorder_->counters().recorded;
    counters["record_lost"] = recorder_->counters().lost;
    counters["record_errors"] = recorder_->counters().write_errors;
  }
  return counters;
}

}  // namespace

std::expected<std::unique_ptr<CanBus>, std::string> open_virtual_bus(runtime::Loop& loop,
                                                                     const BusConfig& config) {
  auto bus = std::make_unique<VirtualCanBus>(loop, config);
  if (auto opened = bus->open_logs(loop, config); !opened) {
    return std::unexpected(std::move(opened.error()));
  }
  return bus;
}

}  // namespace stratos::daemon
