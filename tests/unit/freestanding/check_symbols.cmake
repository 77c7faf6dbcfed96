# SPDX-License-Identifier: Apache-2.0
# Fails if OBJECT needs a symbol that an embedder may not have.

# What compilers call in any case, and arithmetic that libgcc has where a processor lacks it.
set(allowed memcpy memmove memset memcmp
    __aeabi_uldivmod __ctzdi2 __popcountdi2 __popcountsi2)

execute_process(COMMAND ${NM} --undefined-only --format=just-symbols ${OBJECT}
                OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" needed "${text}")
list(REMOVE_ITEM needed ${allowed})
if(needed)
  string(REPLACE ";" " " needed "${needed}")
  message(FATAL_ERROR "the freestanding rooms need ${needed}")
endif()
