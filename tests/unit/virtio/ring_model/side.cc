// SPDX-License-Identifier: Apache-2.0

#include "side.h"

#include <algorithm>

namespace stratos::model {

Side::Side(Who who, Run::Program program, std::optional<Fault> fault)
    : who_(who), program_(std::move(program)), fault_(fault) {
  run(kStart, {});
}

Side::Id Side::run(Id parent, std::vector<uint64_t> answers) {
  const uint64_t last = answers.empty() ? 0 : answers.back();
  Run run(who_, std::move(answers), fault_);
  const Op op = run.execute(program_);
  nodes_.push_back({{std::move(run.stores()), op, run.failure()}, parent, last, {}});
  return static_cast<Id>(nodes_.size() - 1);
}

std::vector<uint64_t> Side::answers_to(Id id) const {
  std::vector<uint64_t> answers;
  for (; id != kStart; id = nodes_[id].parent) answers.push_back(nodes_[id].answer);
  std::reverse(answers.begin(), answers.end());
  return answers;
}

Side::Id Side::after(Id from, uint64_t answer) {
  for (const auto& [known, to] : nodes_[from].next) {
    if (known == answer) return to;
  }
  const Op op = nodes_[from].state.op;
  const auto rested = rested_.find(op.key);
  Id to = 0;
  if (op.kind == Op::Kind::kRest && rested != rested_.end()) {
    to = rested->second;
  } else {
    std::vector<uint64_t> answers = answers_to(from);
    answers.push_back(answer);
    to = run(from, std::move(answers));
    if (op.kind == Op::Kind::kRest) rested_.emplace(op.key, to);
  }
  nodes_[from].next.emplace_back(answer, to);
  return to;
}

}  // namespace stratos::model
