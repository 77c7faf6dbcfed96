# SPDX-License-Identifier: Apache-2.0
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/virtio/*queue*.cc)
add_executable(virtio_rings_test ${sources})
target_link_libraries(virtio_rings_test PRIVATE stratos_options stratos_test_support
                      GTest::gtest_main)
gtest_discover_tests(virtio_rings_test NO_PRETTY_VALUES)
