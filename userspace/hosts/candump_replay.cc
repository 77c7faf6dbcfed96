// SPDX-License-Identifier: Apache-2.0
#include "hosts/candump_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include "hosts/candump_log.h"

namespace stratos::hosts {

std::expected<std::unique_ptr<CandumpReplay>, std::string> CandumpReplay::open(runtime::Loop& loop,
                                                                               can::Bus& bus,
                                                                               Options options) {
  std::unique_ptr<CandumpReplay> replay(new CandumpReplay(loop, bus, std::move(options)));
  if (auto loaded = replay->load(); !loaded) return std::unexpected(std::move(loaded.error()));
  return replay;
}

CandumpReplay::CandumpReplay(runtime::Loop& loop, can::Bus& bus, Options options)
    : loop_(loop), bus_(bus), options_(std::move(options)), timer_(loop, [this] { play(); }) {}

CandumpReplay::~CandumpReplay() { stop(); }

std::expected<void, std::string> CandumpReplay::load() {
  std::ifstream file(options_.file);
  if (!file) {
    return std::unexpected(
        fmt::format("{}: cannot read: {}", options_.file, std::generic_category().message(errno)));
  }
  const can::Bus::Capabilities bus = bus_.capabilities();
  std::chrono::microseconds first{};
  std::string line;
  for (unsigned number = 1; std::getline(file, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto entry = parse_log_line(line);
    if (!entry) {
      return std::unexpected(fmt::format("{}:{}: {}", options_.file, number, entry.error()));
    }
    const bool other = !options_.interface.empty() && entry->interface != options_.interface;
    const bool carried = (bus.fd || !entry->frame.fd) && (bus.remote || !entry->frame.remote);
    if (entry->error_report || other || !carried) {
      ++counters_.skipped;
      continue;
    }
    if (frames_.empty()) first = entry->time;
    // A clock that was set back must not make us wait for ever.
    const auto previous = frames_.empty() ? std::chrono::nanoseconds{} : frames_.back().at;
    frames_.push_back({.at = std::max<std::chrono::nanoseconds>(previous, entry->time - first),
                       .frame = entry->frame});
  }
  if (file.bad()) return std::unexpected(fmt::format("{}: read error", options_.file));
  if (frames_.empty()) return std::unexpected(fmt::format("{}: no frame to play", options_.file));
  return {};
}

bool CandumpReplay::start() {
  stop();
  if (!bus_.start(*this)) return false;
  running_ = true;
  next_ = 0;
  under_way_ = 0;
  began_ = loop_.now();
  // Not at once: the caller may still be busy with what the first frame brings about.
  timer_.start_once(std::chrono::nanoseconds{0});
  return true;
}

void CandumpReplay::stop() {
  timer_.stop();
  if (std::exchange(running_, false)) bus_.stop();
}

// Sends what is due and the bus takes; goes on by the timer or by on_sent().
void CandumpReplay::play() {
  bool sent = false;
  while (running_ && (next_ < frames_.size() || next_round())) {
    const Timed& timed = frames_[next_];
    if (options_.original_timing) {
      const auto elapsed = std::chrono::nanoseconds(loop_.now() - began_);
      if (timed.at > elapsed) {
        timer_.start_once(timed.at - elapsed);
        break;
      }
    }
    if (!bus_.send(timed.frame, static_cast<can::TxToken>(next_))) break;
    ++next_;
    ++under_way_;
    sent = true;
  }
  if (sent) bus_.flush();
}

// A round begins when the one before is over, so a full bus cannot make one turn endless.
bool CandumpReplay::next_round() {
  if (under_way_ > 0) return false;
  ++counters_.rounds;
  if (options_.rounds != 0 && counters_.rounds >= options_.rounds) {
    end();
    return false;
  }
  next_ = 0;
  began_ = loop_.now();
  return true;
}

void CandumpReplay::on_sent(can::TxToken, bool ok) {
  --under_way_;
  ++(ok ? counters_.played : counters_.failed);
  play();
}

void CandumpReplay::end() {
  stop();
  if (options_.on_end) options_.on_end();
}

}  // namespace stratos::hosts
