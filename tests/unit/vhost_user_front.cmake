# SPDX-License-Identifier: Apache-2.0
# Our front-end against somebody else's back-end.
add_executable(vhost_user_front_test vhost_user_front/storage_daemon_test.cc)
target_include_directories(vhost_user_front_test PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(vhost_user_front_test PRIVATE stratos_options stratos_test_support
                      GTest::gtest_main)
gtest_discover_tests(vhost_user_front_test NO_PRETTY_VALUES)
