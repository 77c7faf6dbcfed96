// SPDX-License-Identifier: Apache-2.0
// stratos-hub with one link, for as long as the object lives.

#pragma once

#include <string>

#include "program.h"

namespace stratos::bench {

class HubProcess {
 public:
  // Both seats are there when it returns; their sockets, which begin with the name of the link,
  // are in the folder `scratch`.
  HubProcess(const std::string& scratch, const std::string& link);

  const std::string& device_socket() const { return device_socket_; }
  const std::string& driver_socket() const { return driver_socket_; }

 private:
  std::string device_socket_;
  std::string driver_socket_;
  Program program_;
};

}  // namespace stratos::bench
