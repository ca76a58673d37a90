// Which engine is taken, and what a run costs and leaves behind.
#include "kernels/base/cuda/runtime.h"
#include "tests/cudnn/rows.h"

namespace sf {
namespace {

using namespace sf::test;

const Conv3dProblem kProblem = dense({.t = 2, .h = 3, .w = 4, .c = 8, .k = 8});

// The engine that the row of a problem chooses, by its place in the list; -1: it refuses.
int chosen(HostLibrary& host, const Conv3dProblem& p) {
  const cudnn::LibraryScope scope(host.functions());
  const auto& row = cudnn_row(kConv3d, p.tf32);
  if (!row.can_run(p)) return -1;
  Conv3dData<float> data(p);
  host.runs = false;
  run_kernel(row, p, data.args());
  return int(host.executions.back()
                 .plan->object(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)
                 .object(CUDNN_ATTR_ENGINECFG_ENGINE)
                 .one<int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX));
}

TEST(CudnnPlan, IsTheFirstSuggestionThatKeepsThePromises) {
  HostLibrary host;
  host.engines = {
      {.notes = {CUDNN_NUMERICAL_NOTE_WINOGRAD}},
      {.notes = {CUDNN_NUMERICAL_NOTE_FFT}},
      {.notes = {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC}},
      {.notes = {CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS}},
      {.notes = {CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION}},
      {.notes = {CUDNN_NUMERICAL_NOTE_TENSOR_CORE}, .supported = false},
      {.notes = {CUDNN_NUMERICAL_NOTE_TENSOR_CORE}, .workspace = int64_t{8} << 30},
      {.notes = {CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP, CUDNN_NUMERICAL_NOTE_TENSOR_CORE}},
      {.notes = {}}};
  Conv3dProblem p = kProblem;
  EXPECT_EQ(chosen(host, p), 8);  // float32 keeps its precision
  p.tf32 = true;
  EXPECT_EQ(chosen(host, p), 7);
  p.tf32 = false;
  p.dtype = DType::bf16;
  EXPECT_EQ(chosen(host, p), 7);
  host.engines.resize(5);
  EXPECT_EQ(chosen(host, p), -1);
}

TEST(CudnnPlan, OneRowTakesTf32AndTheOtherDoesNot) {
  const HostLibrary host;
  const cudnn::LibraryScope scope(host.functions());
  Conv3dProblem p = kProblem;
  for (const bool tf32 : {false, true}) {
    p.tf32 = tf32;
    for (const bool row : {false, true}) {
      EXPECT_EQ(cudnn_row(kConv3d, row).can_run(p), row == tf32);
      EXPECT_EQ(cudnn_row(kConv3dData, row).can_run(p), row == tf32);
      EXPECT_EQ(cudnn_row(kConv3dWeight, row).can_run(p), row == tf32);
    }
  }
  EXPECT_TRUE(cudnn_row(kConv3d, false).exact);
  EXPECT_FALSE(cudnn_row(kConv3d, true).exact);
}

TEST(CudnnPlan, TheWorkspaceLiesWithinWhatWasAskedForAlignedToWhatCudaGives) {
  HostLibrary host;
  host.runs = false;
  host.engines = {{.notes = {}, .workspace = 12345}};
  const cudnn::LibraryScope scope(host.functions());
  const auto& row = cudnn_row(kConv3d);
  ASSERT_TRUE(row.can_run(kProblem));
  const auto prepared = row.prepare(kProblem);
  const size_t bytes = row.workspace_bytes(kProblem, prepared.get());
  for (const uintptr_t from : {4096, 4096 + 64, 4096 + 255}) {
    row.run(kProblem, {}, prepared.get(), reinterpret_cast<void*>(from), {});
    const auto at = reinterpret_cast<uintptr_t>(host.executions.back().workspace);
    EXPECT_EQ(at % 256, 0U);
    EXPECT_GE(at, from);
    EXPECT_LE(at + 12345, from + bytes);
  }
}

TEST(CudnnPlan, ARunWithThePointersOfTheLastOneMakesNothing) {
  HostLibrary host;
  const cudnn::LibraryScope scope(host.functions());
  const auto& row = cudnn_row(kConv3d);
  Conv3dData<float> data(kProblem), other(kProblem);
  data.fill(small_integers);
  ASSERT_TRUE(row.can_run(kProblem));
  const auto prepared = row.prepare(kProblem);
  row.run(kProblem, data.args(), prepared.get(), nullptr, {});
  const int alive = host.objects_alive;
  for (int i = 0; i < 3; ++i) row.run(kProblem, data.args(), prepared.get(), nullptr, {});
  EXPECT_EQ(host.packs_made, 1);
  row.run(kProblem, other.args(), prepared.get(), nullptr, {});
  EXPECT_EQ(host.packs_made, 2);
  EXPECT_EQ(host.objects_alive, alive);
  EXPECT_EQ(host.executions.size(), 5U);
  EXPECT_EQ(host.executions.back().pointers.at(1), other.x.data());
}

TEST(CudnnPlan, LeavesNoObjectBehind) {
  HostLibrary host;
  {
    const cudnn::LibraryScope scope(host.functions());
    Conv3dData<float> data(kProblem);
    data.fill(small_integers);
    ASSERT_TRUE(cudnn_row(kConv3d).can_run(kProblem));
    data.run(cudnn_row(kConv3d));
    EXPECT_GT(host.objects_alive, 0);
  }
  EXPECT_EQ(host.objects_alive, 0);
}

TEST(CudnnPlan, WhatARunIsRefusedIsThrownByTheNextCheck) {
  HostLibrary host;
  const cudnn::LibraryScope scope(host.functions());
  Conv3dData<float> data(kProblem);
  data.fill(small_integers);
  ASSERT_TRUE(cudnn_row(kConv3d).can_run(kProblem));
  host.execution_status = CUDNN_STATUS_EXECUTION_FAILED;
  data.run(cudnn_row(kConv3d));
  try {
    cuda::check_launches("s2.a");
    FAIL();
  } catch (const Error& e) { EXPECT_STREQ(e.what(), "s2.a: cudnn: CUDNN_STATUS_OTHER"); }
}

}  // namespace
}  // namespace sf
