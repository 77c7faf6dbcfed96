// SPDX-License-Identifier: Apache-2.0

#include "hostile/tricks.h"

#include <iterator>

namespace stratos::guest {

std::span<const Trick> tricks() {
  static const std::vector<Trick> kAll = [] {
    std::vector<Trick> all;
    for (auto&& some : {message_tricks(), link_tricks(), queue_tricks()})
      all.insert(all.end(), some.begin(), some.end());
    return all;
  }();
  return kAll;
}

}  // namespace stratos::guest
