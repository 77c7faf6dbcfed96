# SPDX-License-Identifier: Apache-2.0
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/virtio/*queue*.cc)
add_executable(virtio_rings_test ${sources})
target_link_libraries(virtio_rings_test PRIVATE stratos_options stratos_test_support
                      GTest::gtest_main)
gtest_discover_tests(virtio_rings_test NO_PRETTY_VALUES)

# One thread that a sanitizer would slow down by minutes, for rings that run under it anyway.
if(STRATOS_SANITIZE)
  message(NOTICE "ring_model_test: left out, runs without sanitizers only")
  return()
endif()

# The rings once more, with every access to shared memory in the hands of the model check:
# its headers stand in front of those of the rings.
set(model ${CMAKE_CURRENT_LIST_DIR}/virtio/ring_model)
set(rings ${PROJECT_SOURCE_DIR}/userspace/virtio)
set(drivers ${PROJECT_SOURCE_DIR}/tests/support)
add_executable(ring_model_test
  virtio/ring_model_test.cc
  ${model}/doorbell_sides.cc
  ${model}/ring_sides.cc
  ${model}/run.cc
  ${model}/search.cc
  ${model}/side.cc
  ${rings}/msg_endpoint.cc
  ${rings}/packed_inflight.cc
  ${rings}/packed_queue.cc
  ${rings}/queue.cc
  ${rings}/queue_types.cc
  ${rings}/split_inflight.cc
  ${rings}/split_queue.cc
  ${drivers}/driver_memory.cc
  ${drivers}/driver_queue.cc
  ${drivers}/packed_driver_queue.cc
  ${drivers}/split_driver_queue.cc)
target_include_directories(ring_model_test BEFORE PRIVATE ${model} ${drivers})
target_compile_definitions(ring_model_test PRIVATE STRATOS_MAX_QUEUE_SIZE=4)
target_link_libraries(ring_model_test PRIVATE stratos_options GTest::gtest_main)
gtest_discover_tests(ring_model_test NO_PRETTY_VALUES)
