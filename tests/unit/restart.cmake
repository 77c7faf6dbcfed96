# SPDX-License-Identifier: Apache-2.0
# A stratosd that is killed under load; tests/long has the many kills.
add_executable(vhost_user_kill_test
  restart/can_load.cc restart/checked_load.cc restart/rpmb_load.cc restart/vhost_user_kill_test.cc
  rpmb/rpmb_frames.cc stratosd/notified_process.cc stratosd/subprocess.cc)
target_include_directories(vhost_user_kill_test PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(vhost_user_kill_test PRIVATE stratos_options stratos_test_support stratos_hosts
                      stratos_rpmb_file GTest::gtest_main)
target_compile_definitions(vhost_user_kill_test PRIVATE STRATOSD_PATH="$<TARGET_FILE:stratosd>"
  STRATOS_RPMB_PATH="$<TARGET_FILE:stratos-rpmb>")
add_dependencies(vhost_user_kill_test stratosd stratos-rpmb)
gtest_discover_tests(vhost_user_kill_test NO_PRETTY_VALUES PROPERTIES TIMEOUT 120)
