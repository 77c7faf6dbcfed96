# SPDX-License-Identifier: Apache-2.0
add_executable(stratosd_test
  stratosd/command_line_test.cc
  stratosd/config_error_test.cc
  stratosd/config_test.cc
  stratosd/control_server_test.cc
  stratosd/subprocess.cc
  stratosd/text_report_test.cc)
# Real processes; the guests are drivers in the test.
add_executable(stratosd_end_to_end_test
  can/can_rig.cc
  stratosd/can_guest.cc
  stratosd/end_to_end_test.cc
  stratosd/notified_process.cc
  stratosd/subprocess.cc)
foreach(test stratosd_test stratosd_end_to_end_test)
  target_include_directories(${test} PRIVATE ${CMAKE_CURRENT_LIST_DIR})
  target_link_libraries(${test} PRIVATE stratos_daemon stratos_ctl stratos_test_support
                        stratos_options GTest::gmock GTest::gtest_main)
  target_compile_definitions(${test} PRIVATE
    STRATOS_HUB_PATH="$<TARGET_FILE:stratos-hub>"
    STRATOSD_PATH="$<TARGET_FILE:stratosd>"
    STRATOSCTL_PATH="$<TARGET_FILE:stratosctl>")
  add_dependencies(${test} stratos-hub stratosd stratosctl)
  gtest_discover_tests(${test} NO_PRETTY_VALUES)
endforeach()
