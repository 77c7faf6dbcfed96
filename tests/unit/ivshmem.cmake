# SPDX-License-Identifier: Apache-2.0
add_executable(ivshmem_test ivshmem/protocol_test.cc)
target_link_libraries(ivshmem_test PRIVATE stratos_options stratos_ivshmem GTest::gtest_main)
gtest_discover_tests(ivshmem_test NO_PRETTY_VALUES)
