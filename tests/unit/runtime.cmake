# SPDX-License-Identifier: Apache-2.0
add_executable(runtime_test
  runtime/adaptive_poll_test.cc
  runtime/bus_error_test.cc
  runtime/event_fd_test.cc
  runtime/kept_fds_test.cc
  runtime/log_test.cc
  runtime/loop_test.cc
  runtime/ring_setup_test.cc
  runtime/sandbox_test.cc
  runtime/signals_test.cc
  runtime/socket_claim_test.cc
  runtime/timer_test.cc
  runtime/worker_test.cc)
target_include_directories(runtime_test PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(runtime_test PRIVATE stratos_options stratos_runtime stratos_test_support
                      GTest::gtest_main)
gtest_discover_tests(runtime_test NO_PRETTY_VALUES)
