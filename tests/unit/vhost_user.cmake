# SPDX-License-Identifier: Apache-2.0
add_executable(vhost_user_test vhost_user/front_end.cc vhost_user/traffic_test.cc
               virtio/echo_device.cc)
target_include_directories(vhost_user_test PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(vhost_user_test PRIVATE stratos_options stratos_vhost_user
                      stratos_test_support GTest::gtest_main)
gtest_discover_tests(vhost_user_test NO_PRETTY_VALUES)
