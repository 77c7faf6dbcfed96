# SPDX-License-Identifier: Apache-2.0
add_executable(links_test links/hub_peer_test.cc links/loopback_test.cc
               links/shm_link_load_test.cc
               links/shm_link_test.cc links/uio_test.cc virtio/echo_device.cc)
target_include_directories(links_test PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(links_test PRIVATE stratos_options stratos_links stratos_loopback
                      stratos_hub_lib
                      stratos_test_support GTest::gmock_main)
gtest_discover_tests(links_test NO_PRETTY_VALUES)
