// SPDX-License-Identifier: Apache-2.0
// One run of one side of the model check, driver or device, up to the first thing that it
// cannot know: what it finds in shared memory, or when it is woken.
//
// A side is a plain function. It is called from its beginning with all the answers that it
// got so far, and left by an exception where it asks for one more. So a side needs
// no thread, and the search may put it back to where it was.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace stratos::model {

enum class Who : uint8_t { kDriver, kDevice };
inline Who other(Who who) { return who == Who::kDriver ? Who::kDevice : Who::kDriver; }
inline const char* to_string(Who who) { return who == Who::kDriver ? "driver" : "device"; }

// A call of the code under test, for a fault to be put in.
enum class Call : uint8_t { kNone, kPublish, kEnable, kCommit, kAcknowledge, kNeedWakeup };

// What is left out of `call` of side `who`: the `nth` barrier, or the release of its stores.
struct Fault {
  enum class Part : uint8_t { kBarrier, kRelease };
  Who who;
  Call call;
  Part part = Part::kBarrier;
  unsigned nth = 0;
};

// A store that waits in the store buffer of its side.
struct Store {
  uint16_t at;   // offset in the region
  uint8_t size;  // bytes
  bool release;  // not before any store that was made before it
  uint64_t value;
};

// Each side's bell is one byte in front of everything that the queues allocate. To ring is
// to store 1 in it, as to ring a doorbell register is.
inline uint16_t bell_of(Who who) { return static_cast<uint16_t>(who); }

struct Op {
  enum class Kind : uint8_t {
    kLoad,     // of `size` bytes at `at`
    kBarrier,  // waits until the own store buffer is empty
    kSleep,    // waits for the own bell and clears it
    kRest,     // nothing, but everything that the side knows is in `key`
    kFailed,   // a rule was broken, see Run::failure()
  };
  Kind kind;
  uint16_t at = 0;
  uint8_t size = 0;
  bool content = false;  // kSleep: it is right if nobody ever rings
  uint64_t key = 0;
};

class Run {
 public:
  using Program = std::function<void(Run&)>;

  Run(Who who, std::vector<uint64_t> answers, std::optional<Fault> fault);
  // Returns the op for which there is no answer.
  Op execute(const Program& program);
  // What was stored since the last answer.
  std::vector<Store>& stores() { return stores_; }
  const std::string& failure() const { return failure_; }

  // ---- For the program ----
  // Says that `key` tells apart all states in which the side may be here; it need not
  // remember how it came here. The search ends the sooner for it.
  void rest(uint64_t key) { ask({.kind = Op::Kind::kRest, .key = key}); }
  void sleep(bool content) { ask({.kind = Op::Kind::kSleep, .content = content}); }
  void ring();
  void check(bool holds, const char* rule);
  // Makes a call that may have a fault.
  template <typename F>
  auto in(Call call, F&& f) {
    struct Leave {
      Call& call;
      ~Leave() { call = Call::kNone; }
    } leave{call_};
    call_ = call;
    barriers_ = 0;
    return f();
  }

  // ---- For access.h ----
  uint64_t load(uint16_t at, uint8_t size) {
    return ask({.kind = Op::Kind::kLoad, .at = at, .size = size});
  }
  void store(Store store);
  void barrier();

 private:
  uint64_t ask(const Op& op);
  bool faulty(Fault::Part part) const;

  Who who_;
  std::vector<uint64_t> answers_;
  size_t answered_ = 0;
  std::optional<Fault> fault_;
  Call call_ = Call::kNone;
  unsigned barriers_ = 0;  // in call_
  std::vector<Store> stores_;
  std::string failure_;
};

}  // namespace stratos::model
