# The CUDA engine. LKSTREAM_CUDA: AUTO builds it where nvcc is found, ON insists
# on it, OFF leaves it out. It adds no dependency: the CUDA runtime is linked
# statically and looks for the driver when the engine is created.
set(LKSTREAM_CUDA AUTO CACHE STRING "Build the CUDA engine: AUTO, ON or OFF")
set(LKSTREAM_CUDA_ARCHITECTURES "75-real;80-real;90-real;100-real;110-real;120" CACHE STRING
    "GPU architectures to compile for; each also runs on later minor versions")
if(NOT LKSTREAM_CUDA OR (LKSTREAM_CUDA STREQUAL "AUTO" AND LKSTREAM_SANITIZE))
  return()
endif()

include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  if(LKSTREAM_CUDA STREQUAL "AUTO")
    message(STATUS "No CUDA engine: nvcc is not here. It comes with the CUDA toolkit, 12.8 or later")
    return()
  endif()
  message(FATAL_ERROR "Cannot build the CUDA engine: nvcc is not here. "
                      "It comes with the CUDA toolkit, 12.8 or later")
endif()
set(CMAKE_CUDA_ARCHITECTURES "${LKSTREAM_CUDA_ARCHITECTURES}")
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)

add_library(lkstream_cuda OBJECT
  ${CMAKE_CURRENT_LIST_DIR}/corners.cpp
  ${CMAKE_CURRENT_LIST_DIR}/corners.cu
  ${CMAKE_CURRENT_LIST_DIR}/cuda_engine.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cuda_sequence.cpp
  ${CMAKE_CURRENT_LIST_DIR}/device.cpp
  ${CMAKE_CURRENT_LIST_DIR}/follow.cu
  ${CMAKE_CURRENT_LIST_DIR}/launches.cpp
  ${CMAKE_CURRENT_LIST_DIR}/luma.cpp
  ${CMAKE_CURRENT_LIST_DIR}/luma.cu
  ${CMAKE_CURRENT_LIST_DIR}/pyramid.cu
  ${CMAKE_CURRENT_LIST_DIR}/stream.cpp
  ${CMAKE_CURRENT_LIST_DIR}/watcher.cpp
  ${CMAKE_CURRENT_LIST_DIR}/windows.cpp
  ${CMAKE_CURRENT_LIST_DIR}/windows.cu)
set_target_properties(lkstream_cuda PROPERTIES
                      CUDA_ARCHITECTURES "${LKSTREAM_CUDA_ARCHITECTURES}"
                      CUDA_STANDARD 17)
# nvcc does not know the host compiler's options. And no contraction to fused
# multiply-adds: results are the CPU engine's, bit by bit.
get_target_property(host_options lkstream_cuda COMPILE_OPTIONS)
set_target_properties(lkstream_cuda PROPERTIES COMPILE_OPTIONS
  "$<$<COMPILE_LANGUAGE:CXX>:${host_options}>;$<$<COMPILE_LANGUAGE:CUDA>:-fmad=false;-lineinfo>")
target_link_libraries(lkstream_cuda PUBLIC CUDA::cudart_static)
target_link_libraries(lkstream_cuda PRIVATE JPEG::JPEG ${CMAKE_DL_LIBS})
target_include_directories(lkstream_cuda PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/include)

target_compile_definitions(lkstream_core PRIVATE LKSTREAM_CUDA)
target_sources(lkstream_objects INTERFACE $<TARGET_OBJECTS:lkstream_cuda>)
target_link_libraries(lkstream_objects INTERFACE CUDA::cudart_static ${CMAKE_DL_LIBS})

# They say why and end well on a machine without a GPU.
if(LKSTREAM_TESTS)
  add_executable(cuda_test ${CMAKE_CURRENT_SOURCE_DIR}/test/cuda_test.cpp)
  target_link_libraries(cuda_test PRIVATE lkstream JPEG::JPEG Threads::Threads)
  add_test(NAME cuda_test COMMAND cuda_test)
  add_executable(cuda_failure_test ${CMAKE_CURRENT_SOURCE_DIR}/test/cuda_failure_test.cu)
  set_target_properties(cuda_failure_test PROPERTIES
                        CUDA_ARCHITECTURES "${LKSTREAM_CUDA_ARCHITECTURES}" CUDA_STANDARD 17)
  target_link_libraries(cuda_failure_test PRIVATE lkstream CUDA::cudart_static JPEG::JPEG)
  add_test(NAME cuda_failure_test COMMAND cuda_failure_test)
  add_executable(luma_cuda_test ${CMAKE_CURRENT_SOURCE_DIR}/test/luma_cuda_test.cpp)
  target_include_directories(luma_cuda_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/include ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_link_libraries(luma_cuda_test PRIVATE lkstream_objects)
  add_test(NAME luma_cuda_test COMMAND luma_cuda_test)
endif()
if(LKSTREAM_BENCH)
  add_executable(cuda_bench ${CMAKE_CURRENT_SOURCE_DIR}/bench/cuda_bench.cpp)
  target_include_directories(cuda_bench PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/test)
  target_link_libraries(cuda_bench PRIVATE lkstream CUDA::cudart_static JPEG::JPEG Threads::Threads
                        ${CMAKE_DL_LIBS})
endif()
