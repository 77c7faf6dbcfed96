# SPDX-License-Identifier: Apache-2.0
add_executable(can_test can/can_rig.cc can/control_test.cc can/lifecycle_test.cc can/rx_test.cc
               can/tx_test.cc can/wire_test.cc)
target_include_directories(can_test PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(can_test PRIVATE stratos_options stratos_can stratos_test_support
                      GTest::gtest_main)
gtest_discover_tests(can_test NO_PRETTY_VALUES)

add_executable(can_shared_bus_test can/can_rig.cc can/shared_bus_test.cc)
target_include_directories(can_shared_bus_test PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(can_shared_bus_test PRIVATE stratos_options stratos_can stratos_hosts
                      stratos_test_support GTest::gtest_main)
gtest_discover_tests(can_shared_bus_test NO_PRETTY_VALUES)
