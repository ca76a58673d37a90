# Runs bench_kernels (BENCH) on a small problem, with its gradients, in FOLDER and looks at the files that it writes.
set(problem "conv3d f32 n1 t2 h8 w8 c8 k16 kernel1x3x3 stride1x1x1 pad0x1x1 dilation1x1x1 groups1 bias relu")
set(shapes ${FOLDER}/one_shape.txt)
set(csv ${FOLDER}/one_shape.csv)
set(svg ${FOLDER}/one_shape.svg)
file(WRITE ${shapes} "${problem}\n")
file(REMOVE ${csv} ${svg})
execute_process(
  COMMAND ${BENCH} --device simt --gradients --csv ${csv} --svg ${svg} --benchmark_min_time=0.001 ${shapes}
  OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "status ${status}\n${output}")
endif()

file(STRINGS ${csv} lines)
list(POP_FRONT lines head)
if(NOT head STREQUAL "device,type,file,direction,problem,kernel,us,TFLOP/s,GB/s,roofline_%,fault")
  message(FATAL_ERROR "head of the CSV: ${head}")
endif()
foreach(direction forward by_data by_weight)
  if(NOT "${lines}" MATCHES "\"?simt[^,]*,f32,one_shape,${direction},conv3d f32 [^,]*,[a-z0-9_]+,[0-9.]+,[0-9.e-]+,[0-9.e-]+,[0-9.e-]+,(;|$)")
    message(FATAL_ERROR "no time of ${direction} in ${lines}")
  endif()
endforeach()

# A dot for each line, and one for each kernel in the legend of its panel.
list(LENGTH lines times)
file(READ ${svg} drawing)
string(REGEX MATCHALL "<circle[^>]*><title>" dots "${drawing}")
list(LENGTH dots dots)
if(NOT dots EQUAL times OR NOT drawing MATCHES ">convolutions on simt[^<]*, f32<.*% of the roofline")
  message(FATAL_ERROR "${dots} dots of ${times} times in ${svg}")
endif()
