# The tests of the cuda backend where it runs on ptxrun, in three orders of warps and blocks: the laws of the kernels,
# plans, clips, and inference and training of the small networks.
add_custom_target(on_ptxrun)
add_dependencies(on_ptxrun test_kernels test_tensor test_autograd test_data test_apps)
# All PTX is compiled with the build, on all processors, so that tests only run it.
add_custom_command(TARGET on_ptxrun POST_BUILD
  COMMAND ${CMAKE_COMMAND} -E env PYTHONPATH=${PROJECT_SOURCE_DIR}/tools/ptxrun PTXRUN_CXX=${SF_GXX}
          PTXRUN_CACHE=${PROJECT_BINARY_DIR}/ptxrun/cache
          ${SF_PYTHON} -B -m ptxrun $<TARGET_FILE:test_kernels> > ptx_libraries.txt
  COMMENT "Compiling the PTX of all kernels"
  VERBATIM)

# on_ptxrun_test(NAME PROGRAM FILTER)
function(on_ptxrun_test name program filter)
  foreach(order 0 1 2)
    add_test(NAME on_ptxrun_${name}_${order} COMMAND ${program} --gtest_brief=1 --gtest_filter=${filter})
    set_tests_properties(on_ptxrun_${name}_${order} PROPERTIES
      LABELS on_ptxrun
      TIMEOUT 1800
      ENVIRONMENT "SF_TEST_BACKEND=cuda;PTXRUN_CHECK=2;PTXRUN_ORDER=${order};PTXRUN_DEVICES=2;OMP_WAIT_POLICY=passive")
  endforeach()
endfunction()

# Those that take longest first.
set(networks slowfast_r50 slowfast_4x16 c2d_r50 i3d_nln_r50 slow_r50 ava_slow_r50)
foreach(network ${networks})
  on_ptxrun_test(training_${network} test_apps *GoldenTraining.*OnCuda*/${network})
endforeach()
on_ptxrun_test(conv3d test_kernels *Conv3d*-*Traffic*:Shapes/*)
on_ptxrun_test(kernels test_kernels -*Conv3d*:*Traffic*)
foreach(network ${networks})
  on_ptxrun_test(inference_${network} test_apps *SmallNetworks.*OnCuda*/${network})
endforeach()
on_ptxrun_test(autograd test_autograd Cuda*)
on_ptxrun_test(apps test_apps Cuda*)
on_ptxrun_test(data test_data CudaClips*)
on_ptxrun_test(tensor test_tensor Cuda*:Device*)
