# SPDX-License-Identifier: Apache-2.0
add_executable(hosts_test hosts/can_timing_test.cc hosts/candump_log_test.cc
               hosts/candump_record_test.cc hosts/candump_replay_test.cc
               hosts/confirmed_queue_test.cc hosts/datagram_test.cc hosts/openssl_hmac_test.cc
               hosts/rpmb_mmc_test.cc hosts/socketcan_test.cc hosts/virtual_bus_test.cc)
target_include_directories(hosts_test PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(hosts_test PRIVATE stratos_options stratos_hosts stratos_rpmb_rig GTest::gmock
                      GTest::gtest_main)
gtest_discover_tests(hosts_test NO_PRETTY_VALUES)
