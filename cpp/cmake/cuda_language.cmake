# CMake's CUDA language, for the whole project: programs that link the library need it too.
include_guard()

# Code for architectures from Turing on as far as the toolkit knows them, and PTX for others. (The strict kernels
# use nothing that would need 90a rather than 90.)
set(LAMINA_CUDA_ARCHITECTURES "" CACHE STRING
  "Compute capabilities to compile for, as CMAKE_CUDA_ARCHITECTURES; empty: all that the toolkit knows")
set(wished "${LAMINA_CUDA_ARCHITECTURES}")
if(wished STREQUAL "")
  set(CMAKE_CUDA_ARCHITECTURES 75)  # until the toolkit has been asked
else()
  set(CMAKE_CUDA_ARCHITECTURES "${wished}")
endif()
enable_language(CUDA)
if(wished STREQUAL "")
  execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --list-gpu-arch OUTPUT_VARIABLE known)
  foreach(arch 75 80 86 89 90 100 120)
    if(known MATCHES "compute_${arch}\n")
      list(APPEND wished ${arch}-real)
    endif()
  endforeach()
  list(GET wished -1 newest)
  string(REPLACE "-real" "-virtual" newest ${newest})
  list(APPEND wished ${newest})
  if(known MATCHES "compute_90\n" AND NOT newest STREQUAL "90-virtual")
    list(APPEND wished 90-virtual)  # for those between
  endif()
endif()
set(CMAKE_CUDA_ARCHITECTURES ${wished})
message(STATUS "CUDA architectures: ${wished}")
