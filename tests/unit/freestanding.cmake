# SPDX-License-Identifier: Apache-2.0
# The freestanding rooms and the uapi headers, for every kind of processor that embeds them:
# they compile without a hosted library, and need nothing at link time but a short list.
# Sanitizers have no say here.
if(STRATOS_SANITIZE)
  return()
endif()

function(add_freestanding_test name prefix)
  find_program(CXX_${name} ${prefix}g++ REQUIRED) # scripts/deps build installs them
  find_program(NM_${name} ${prefix}nm REQUIRED)
  set(flags ${ARGN} -O2 -ffreestanding -Wall -Wextra -Wconversion -Wshadow -Werror
            -I${PROJECT_SOURCE_DIR}/userspace -I${PROJECT_SOURCE_DIR}/uapi)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
       ${PROJECT_SOURCE_DIR}/userspace/virtio/*.cc ${PROJECT_SOURCE_DIR}/userspace/devices/*.cc
       ${PROJECT_SOURCE_DIR}/uapi/*.h)
  list(FILTER sources EXCLUDE REGEX virtio_msg_loopback.h) # ioctls of Linux
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/freestanding/${name})
  set(objects)
  foreach(source ${sources})
    set(language -x c++ -std=c++23 -fno-exceptions -fno-rtti)
    if(source MATCHES "\\.h$")
      set(language -x c -std=c11)
    endif()
    string(REPLACE / . object ${source}.o)
    list(APPEND objects ${folder}/${object})
    add_custom_command(
      OUTPUT ${folder}/${object}
      COMMAND ${CXX_${name}} ${language} ${flags} -MD -MF ${folder}/${object}.d
              -c ${PROJECT_SOURCE_DIR}/${source} -o ${folder}/${object}
      DEPENDS ${PROJECT_SOURCE_DIR}/${source}
      DEPFILE ${folder}/${object}.d
      COMMENT "Compiling ${source} freestanding for ${name}"
      VERBATIM)
  endforeach()
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(
    OUTPUT ${folder}.o
    COMMAND ${CXX_${name}} ${ARGN} -r -nostdlib -o ${folder}.o ${objects}
    DEPENDS ${objects}
    VERBATIM)
  add_custom_target(freestanding_${name} ALL DEPENDS ${folder}.o)
  add_test(NAME Freestanding.${name}
           COMMAND ${CMAKE_COMMAND} -DNM=${NM_${name}} -DOBJECT=${folder}.o
                   -P ${CMAKE_CURRENT_LIST_DIR}/freestanding/check_symbols.cmake)
endfunction()

add_freestanding_test(x86_64 x86_64-linux-gnu-)
add_freestanding_test(aarch64 aarch64-linux-gnu-)
# GCC tells that the ABI of empty classes changed in 2017.
add_freestanding_test(cortex_m7 arm-none-eabi- -mcpu=cortex-m7 -mthumb -Wno-psabi)
