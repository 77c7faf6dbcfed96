# SPDX-License-Identifier: Apache-2.0
add_executable(control_test control/control_protocol_test.cc)
target_link_libraries(control_test PRIVATE stratos_options stratos_control GTest::gtest_main)
gtest_discover_tests(control_test NO_PRETTY_VALUES)
