# SPDX-License-Identifier: Apache-2.0
add_executable(vhost_user_test
  vhost_user/front_end.cc
  vhost_user/hostile_front_end_test.cc
  vhost_user/lifecycle_test.cc
  vhost_user/messages_test.cc
  vhost_user/restart_test.cc
  vhost_user/traffic_test.cc
  virtio/echo_device.cc)
target_include_directories(vhost_user_test PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(vhost_user_test PRIVATE stratos_options stratos_vhost_user
                      stratos_test_support GTest::gtest_main)
gtest_discover_tests(vhost_user_test NO_PRETTY_VALUES)

# The same with stratosd as it is installed.
add_executable(vhost_user_stratosd_test
  can/can_rig.cc
  rpmb/rpmb_frames.cc
  stratosd/notified_process.cc
  stratosd/subprocess.cc
  vhost_user/can_front_end.cc
  vhost_user/front_end.cc
  vhost_user/rpmb_mmc_test.cc
  vhost_user/stratosd_test.cc)
target_include_directories(vhost_user_stratosd_test PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(vhost_user_stratosd_test PRIVATE stratos_options stratos_daemon
                      stratos_test_support GTest::gtest_main)
target_compile_definitions(vhost_user_stratosd_test PRIVATE
  STRATOSD_PATH="$<TARGET_FILE:stratosd>"
  STRATOSCTL_PATH="$<TARGET_FILE:stratosctl>")
add_dependencies(vhost_user_stratosd_test stratosd stratosctl)
gtest_discover_tests(vhost_user_stratosd_test NO_PRETTY_VALUES)
