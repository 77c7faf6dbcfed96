# SPDX-License-Identifier: Apache-2.0
add_executable(hub_test hub/config_test.cc hub/hub_process_test.cc hub/hub_test.cc
               hub/kept_hub_test.cc hub/qemu_test.cc hub/region_test.cc)
target_include_directories(hub_test PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_compile_definitions(hub_test PRIVATE STRATOS_HUB="$<TARGET_FILE:stratos-hub>"
                           FD_KEEPER="$<TARGET_FILE:fd-keeper>")
add_dependencies(hub_test stratos-hub fd-keeper)
target_link_libraries(hub_test PRIVATE stratos_options stratos_hub_lib stratos_test_support
                      GTest::gtest_main)
gtest_discover_tests(hub_test NO_PRETTY_VALUES)
