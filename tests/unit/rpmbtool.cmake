# SPDX-License-Identifier: Apache-2.0
add_executable(rpmbtool_test rpmbtool/tool_test.cc stratosd/subprocess.cc)
target_include_directories(rpmbtool_test PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_compile_definitions(rpmbtool_test PRIVATE STRATOS_RPMB_PATH="$<TARGET_FILE:stratos-rpmb>")
add_dependencies(rpmbtool_test stratos-rpmb)
target_link_libraries(rpmbtool_test PRIVATE stratos_options stratos_rpmb_file GTest::gmock
                      GTest::gtest_main)
gtest_discover_tests(rpmbtool_test NO_PRETTY_VALUES)
