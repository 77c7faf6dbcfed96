# SPDX-License-Identifier: Apache-2.0
add_executable(rpmb_file_test rpmb_file/crash_disk.cc rpmb_file/crash_test.cc
               rpmb_file/damage_test.cc rpmb_file/files_test.cc rpmb_file/format_test.cc
               rpmb_file/kill_test.cc rpmb_file/recovery_test.cc rpmb_file/store_rig.cc)
target_include_directories(rpmb_file_test PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(rpmb_file_test PRIVATE stratos_options stratos_rpmb_file GTest::gmock
                      GTest::gtest_main)
gtest_discover_tests(rpmb_file_test NO_PRETTY_VALUES)
