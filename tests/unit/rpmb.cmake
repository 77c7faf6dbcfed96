# SPDX-License-Identifier: Apache-2.0
add_library(stratos_rpmb_rig STATIC rpmb/request_rig.cc rpmb/rpmb_frames.cc rpmb/rpmb_rig.cc)
target_include_directories(stratos_rpmb_rig PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(stratos_rpmb_rig PUBLIC stratos_hosts stratos_test_support GTest::gtest
                      PRIVATE stratos_options)

add_executable(rpmb_test rpmb/attack_test.cc rpmb/lifecycle_test.cc rpmb/relay_test.cc
               rpmb/result_test.cc rpmb/shape_test.cc rpmb/vector_test.cc)
target_link_libraries(rpmb_test PRIVATE stratos_options stratos_rpmb_rig GTest::gtest_main)
gtest_discover_tests(rpmb_test NO_PRETTY_VALUES)

# The same walk, short and long.
foreach(walk "test;100000;unit" "soak;1000000;long")
  list(GET walk 0 name)
  list(GET walk 1 operations)
  list(GET walk 2 label)
  add_executable(rpmb_random_${name} rpmb/random_test.cc)
  target_compile_definitions(rpmb_random_${name} PRIVATE STRATOS_OPERATIONS=${operations})
  target_link_libraries(rpmb_random_${name} PRIVATE stratos_options stratos_rpmb_rig
                        GTest::gtest_main)
  gtest_discover_tests(rpmb_random_${name} NO_PRETTY_VALUES PROPERTIES LABELS ${label})
endforeach()
