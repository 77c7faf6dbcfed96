# SPDX-License-Identifier: Apache-2.0
add_executable(virtio_msg_test
  virtio/amp_layout_test.cc
  virtio/echo_device.cc
  virtio/hostile_driver_test.cc
  virtio/instance_test.cc
  virtio/link_machine_test.cc
  virtio/msg_codec_test.cc
  virtio/msg_endpoint_test.cc
  virtio/msg_link_test.cc
  virtio/restart_test.cc
  virtio/state_record_test.cc)
target_include_directories(virtio_msg_test PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(virtio_msg_test PRIVATE stratos_options stratos_test_support
                      GTest::gmock GTest::gtest_main)
gtest_discover_tests(virtio_msg_test NO_PRETTY_VALUES)
