# sf_library(NAME [OBJECT] [READERS] [DEPS targets...]): the library sf_NAME of every .cpp file of the calling folder and
# below. OBJECT keeps objects that nothing calls, which self-registration needs; READERS has readers of outside files, whose
# branches a fuzzer follows.
function(sf_library name)
  cmake_parse_arguments(ARG "OBJECT;READERS" "" "DEPS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(ARG_OBJECT)
    add_library(sf_${name} OBJECT ${sources})
  else()
    add_library(sf_${name} STATIC ${sources})
  endif()
  target_link_libraries(sf_${name} PUBLIC sf_options ${ARG_DEPS})
  if(ARG_READERS AND SF_FUZZ)
    target_compile_options(sf_${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# sf_apart(files...): keeps files whose local names others of their target have, too, out of builds with CMAKE_UNITY_BUILD.
function(sf_apart)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# sf_precompile(TARGET headers...): parses headers that many files of the target include once for all of them. In the
# sanitizer build alone, the slowest: others share objects through ccache across folders, which a compiled header
# keeps it from.
function(sf_precompile target)
  if(SF_SANITIZE)
    target_precompile_headers(${target} PRIVATE ${ARGN})
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")  # so that ccache knows it again
  endif()
endfunction()

# sf_simt_sources(TARGET files...): compiles .cu files as C++, for the host executor. Kernels fill arrays of registers
# under the condition under which they read them; GCC 12 takes some for uninitialized. Clang says which loops it does not
# unroll; the pragma is for nvcc.
function(sf_simt_sources target)
  set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS
                              "-Wno-unknown-pragmas;$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>;$<$<CXX_COMPILER_ID:Clang>:-Wno-pass-failed>")
  target_sources(${target} PRIVATE ${ARGN})
endfunction()

# sf_tests(FOLDER [DEPS targets...]): one test program of every .cpp file of tests/FOLDER and below.
# Suites whose name ends in "Slow" get the label slow and stay out of the fast tier; they start first. Tests run side by
# side: threads that spin at a barrier would take the processor from each other.
# Sanitizers make programs slow to start: there a test of ctest is an eighth of the fast ones, and leaves out those that
# run the same kernels on other numbers, and one of the memory that a program of its own takes.
function(sf_tests folder)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  add_executable(test_${folder} ${sources})
  target_link_libraries(test_${folder} PRIVATE ${ARG_DEPS} GTest::gtest GTest::gtest_main)
  target_compile_definitions(test_${folder} PRIVATE SF_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  sf_precompile(test_${folder} <gtest/gtest.h> <algorithm> <map> <string> <vector>)
  if(SF_SANITIZE)
    foreach(part RANGE 7)
      add_test(NAME ${folder}_${part} COMMAND test_${folder} --gtest_brief=1
               --gtest_filter=-*Slow.*:*WhatTheWorkspaceHeldChangesNoBit*:*OfRealsAreThoseOfTheStoredValues*:Convert.TakesMuchLessMemoryThanTheWeights)
      set_tests_properties(${folder}_${part} PROPERTIES TIMEOUT 900
                           ENVIRONMENT "GTEST_TOTAL_SHARDS=8;GTEST_SHARD_INDEX=${part};OMP_WAIT_POLICY=passive")
    endforeach()
  else()
    gtest_discover_tests(test_${folder} DISCOVERY_TIMEOUT 60 TEST_FILTER "-*Slow.*"
                         PROPERTIES TIMEOUT 300 ENVIRONMENT OMP_WAIT_POLICY=passive)
    gtest_discover_tests(test_${folder} DISCOVERY_TIMEOUT 60 TEST_FILTER "*Slow.*" TEST_LIST slow_${folder}
                         PROPERTIES TIMEOUT 900 COST 100 LABELS slow ENVIRONMENT OMP_WAIT_POLICY=passive)
  endif()
endfunction()
