// SPDX-License-Identifier: Apache-2.0
// All that one side can do, found out by running it: a graph of its own states, in which an
// answer leads from one to the next. Each edge is run once, however many schedules take it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "run.h"

namespace stratos::model {

// What a side does from one answer to the next question.
struct SideState {
  std::vector<Store> stores;  // made on the way here
  Op op;
  std::string failure;
};

class Side {
 public:
  using Id = uint32_t;
  static constexpr Id kStart = 0;

  Side(Who who, Run::Program program, std::optional<Fault> fault);

  const SideState& at(Id id) const { return nodes_[id].state; }
  // Where the side goes on if `answer` is the result of its op.
  Id after(Id from, uint64_t answer);
  size_t states() const { return nodes_.size(); }

 private:
  struct Node {
    SideState state;
    Id parent;
    uint64_t answer;  // that led here from the parent
    std::vector<std::pair<uint64_t, Id>> next;
  };
  Id run(Id parent, std::vector<uint64_t> answers);
  std::vector<uint64_t> answers_to(Id id) const;

  Who who_;
  Run::Program program_;
  std::optional<Fault> fault_;
  std::vector<Node> nodes_;
  std::unordered_map<uint64_t, Id> rested_;  // by key
};

}  // namespace stratos::model
