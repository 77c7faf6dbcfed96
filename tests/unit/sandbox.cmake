# SPDX-License-Identifier: Apache-2.0
# Sanitizers make system calls of their own.
if(STRATOS_SANITIZE)
  message(NOTICE "sandbox_test: left out, runs without sanitizers only")
  return()
endif()

# Children in a sandbox that fail, or wait for each other.
add_executable(sandboxed_test sandbox/crash_test.cc sandbox/threads_test.cc)
target_link_libraries(sandboxed_test PRIVATE stratos_options stratos_runtime GTest::gtest_main)
gtest_discover_tests(sandboxed_test NO_PRETTY_VALUES)

# The tests of real processes once more, under a recorder.
add_executable(sandbox_test sandbox/needed_calls_test.cc sandbox/recorder.cc)
target_include_directories(sandbox_test PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(sandbox_test PRIVATE stratos_options stratos_daemon stratos_hub_lib seccomp
                      GTest::gtest_main)
set(recorded stratos-hub stratosd hub_test sandboxed_test stratosd_end_to_end_test
             vhost_user_kill_test vhost_user_stratosd_test)
target_compile_definitions(sandbox_test PRIVATE
  STRATOS_HUB_PATH="$<TARGET_FILE:stratos-hub>"
  STRATOSD_PATH="$<TARGET_FILE:stratosd>"
  HUB_TEST="$<TARGET_FILE:hub_test>"
  SANDBOXED_TEST="$<TARGET_FILE:sandboxed_test>"
  STRATOSD_END_TO_END_TEST="$<TARGET_FILE:stratosd_end_to_end_test>"
  VHOST_USER_KILL_TEST="$<TARGET_FILE:vhost_user_kill_test>"
  VHOST_USER_STRATOSD_TEST="$<TARGET_FILE:vhost_user_stratosd_test>")
add_dependencies(sandbox_test ${recorded})
gtest_discover_tests(sandbox_test NO_PRETTY_VALUES PROPERTIES TIMEOUT 120)
