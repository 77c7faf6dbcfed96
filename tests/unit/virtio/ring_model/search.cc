// SPDX-License-Identifier: Apache-2.0

#include "search.h"

#include <cstring>
#include <sstream>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mix.h"

namespace stratos::model {
namespace {

using Kind = Op::Kind;

// Everything that the queues allocate; what the descriptors point to lies behind it.
constexpr size_t kModelled = 256;
constexpr double kOnThisSchedule = -1;

struct State {
  std::array<Side::Id, 2> at{};
  std::array<std::vector<Store>, 2> buffers;
  std::array<uint8_t, kModelled> memory{};
};

struct Key {
  uint64_t first = 0;
  uint64_t second = 0;
  friend bool operator==(const Key&, const Key&) = default;
};
struct KeyHash {
  size_t operator()(const Key& key) const { return key.first; }
};

// Two hashes of 64 bits instead of the state: that two of some million states agree in
// both is out of the question.
Key key_of(const State& state) {
  Key key{state.at[0] + (uint64_t{state.at[1]} << 32), 1};
  const auto add = [&key](uint64_t value) {
    key.first = mix(key.first, value);
    key.second = mix(key.second ^ kSecondHash, value);
  };
  add(key.first);
  for (const std::vector<Store>& buffer : state.buffers) {
    add(buffer.size());
    for (const Store& store : buffer) {
      add(uint64_t{store.at} << 16 | uint64_t{store.size} << 8 | (store.release ? 1 : 0));
      add(store.value);
    }
  }
  for (size_t at = 0; at < kModelled; at += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, state.memory.data() + at, sizeof(word));
    add(word);
  }
  return key;
}

struct Move {
  uint8_t side;
  bool lands = false;  // a store reaches the memory; else the side goes on
  uint8_t store = 0;   // which
};

struct Frame {
  State state;
  Key key;
  std::vector<Move> moves;
  size_t next = 0;
  double schedules = 0;
};

bool overlap(const Store& a, const Store& b) {
  return a.at < b.at + b.size && b.at < a.at + a.size;
}

class Search {
 public:
  Search(Side& driver, Side& device, bool weak_stores)
      : sides_{&driver, &device}, weak_stores_(weak_stores) {}

  Findings run() {
    State start;
    for (uint8_t side = 0; side < 2; ++side) settle(start, side);
    enter(std::move(start));
    while (!frames_.empty() && findings_.failure.empty()) {
      Frame& top = frames_.back();
      if (top.next == top.moves.size()) {
        leave();
        continue;
      }
      State state = top.state;
      make(state, top.moves[top.next++]);
      ++findings_.steps;
      enter(std::move(state));
    }
    findings_.states = seen_.size();
    if (!findings_.failure.empty()) findings_.schedule = tell();
    return findings_;
  }

 private:
  const SideState& where(const State& state, uint8_t side) const {
    return sides_[side]->at(state.at[side]);
  }

  void enter(State state) {
    const Key key = key_of(state);
    const auto [known, fresh] = seen_.try_emplace(key, kOnThisSchedule);
    if (!fresh) {
      if (known->second == kOnThisSchedule) findings_.failure = "the sides go round in circles";
      frames_.back().schedules += known->second;
      return;
    }
    std::vector<Move> moves = moves_in(state);
    const double schedules = moves.empty() ? 1 : 0;
    if (moves.empty()) judge_end(state);
    for (uint8_t side = 0; side < 2; ++side) {
      const SideState& here = where(state, side);
      if (here.op.kind == Kind::kFailed) findings_.failure = here.failure;
    }
    frames_.push_back({std::move(state), key, std::move(moves), 0, schedules});
  }

  void leave() {
    const Frame& done = frames_.back();
    const double schedules = done.schedules;
    seen_[done.key] = schedules;
    frames_.pop_back();
    if (frames_.empty()) {
      findings_.schedules = schedules;
    } else {
      frames_.back().schedules += schedules;
    }
  }

  void judge_end(const State& state) {
    for (uint8_t side = 0; side < 2; ++side) {
      const Op& op = where(state, side).op;
      if (op.kind == Kind::kSleep && !op.content) {
        findings_.failure = "both sleep with work outstanding: a lost wake-up";
      }
    }
  }

  bool ready(const State& state, uint8_t side) const {
    const bool drained = state.buffers[side].empty();
    switch (where(state, side).op.kind) {
      case Kind::kLoad:
      case Kind::kRest:
        return true;
      case Kind::kBarrier:
        return drained;
      case Kind::kSleep:
        return drained && state.memory[bell_of(static_cast<Who>(side))] != 0;
      case Kind::kFailed:
        return false;
    }
    return false;
  }

  std::vector<Move> moves_in(const State& state) const {
    // What the other side can neither see nor prevent need not be tried both ways.
    for (uint8_t side = 0; side < 2; ++side) {
      const Kind kind = where(state, side).op.kind;
      if ((kind == Kind::kRest || kind == Kind::kBarrier) && ready(state, side)) return {{side}};
    }
    std::vector<Move> moves;
    for (uint8_t side = 0; side < 2; ++side) {
      if (ready(state, side)) moves.push_back({side});
      const std::vector<Store>& buffer = state.buffers[side];
      for (size_t i = 0; i < buffer.size(); ++i) {
        if (may_land(buffer, i)) moves.push_back({side, true, static_cast<uint8_t>(i)});
      }
    }
    return moves;
  }

  bool may_land(const std::vector<Store>& buffer, size_t which) const {
    if (which == 0) return true;
    if (!weak_stores_ || buffer[which].release) return false;
    for (size_t i = 0; i < which; ++i) {
      if (overlap(buffer[i], buffer[which])) return false;
    }
    return true;
  }

  void make(State& state, const Move& move) {
    std::vector<Store>& buffer = state.buffers[move.side];
    if (move.lands) {
      const Store& store = buffer[move.store];
      std::memcpy(state.memory.data() + store.at, &store.value, store.size);
      buffer.erase(buffer.begin() + move.store);
      return;
    }
    const Op op = where(state, move.side).op;
    if (op.kind == Kind::kSleep) state.memory[bell_of(static_cast<Who>(move.side))] = 0;
    const uint64_t answer = op.kind == Kind::kLoad ? load(state, move.side, op) : 0;
    state.at[move.side] = sides_[move.side]->after(state.at[move.side], answer);
    settle(state, move.side);
  }

  // Takes the stores of a side that went on.
  void settle(State& state, uint8_t side) {
    for (const Store& store : where(state, side).stores) {
      if (store.at + store.size > kModelled) findings_.failure = "a store behind the queues";
      state.buffers[side].push_back(store);
    }
    const Op& op = where(state, side).op;
    if (op.kind == Kind::kLoad && op.at + op.size > kModelled) {
      findings_.failure = "a load behind the queues";
    }
  }

  uint64_t load(const State& state, uint8_t side, const Op& op) const {
    std::array<uint8_t, sizeof(uint64_t)> bytes{};
    std::memcpy(bytes.data(), state.memory.data() + op.at, op.size);
    for (const Store& store : state.buffers[side]) {
      for (size_t i = 0; i < store.size; ++i) {
        const size_t at = store.at + i;
        if (at < op.at || at >= size_t{op.at} + op.size) continue;
        bytes[at - op.at] = static_cast<uint8_t>(store.value >> (8 * i));
      }
    }
    uint64_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
  }

  // The way to the failure, for whoever has to understand it.
  std::string tell() const {
    std::ostringstream text;
    for (const Frame& frame : frames_) {
      if (frame.next == 0) continue;
      const Move& move = frame.moves[frame.next - 1];
      text << to_string(static_cast<Who>(move.side));
      const Op& op = where(frame.state, move.side).op;
      if (move.lands) {
        const Store& store = frame.state.buffers[move.side][move.store];
        text << ": its store of " << store.value << " at " << store.at << " lands\n";
      } else if (op.kind == Kind::kLoad) {
        text << " loads " << load(frame.state, move.side, op) << " at " << op.at << "\n";
      } else {
        text << (op.kind == Kind::kSleep     ? " wakes up\n"
                 : op.kind == Kind::kBarrier ? " passes a barrier\n"
                                             : " begins a round\n");
      }
    }
    return text.str();
  }

  std::array<Side*, 2> sides_;
  bool weak_stores_;
  std::vector<Frame> frames_;
  std::unordered_map<Key, double, KeyHash> seen_;  // ways from there to an end
  Findings findings_;
};

}  // namespace

Findings search(Side& driver, Side& device, bool weak_stores) {
  return Search(driver, device, weak_stores).run();
}

}  // namespace stratos::model
