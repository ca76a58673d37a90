// Which algorithm is taken, and what a run costs and leaves behind.
#include "kernels/base/cuda/runtime.h"
#include "tests/cublaslt/rows.h"

namespace sf {
namespace {

using namespace sf::test;

const LinearProblem kProblem{
    .rows = 5, .in = 24, .out = 16, .bias = true, .x_pitch = 24, .y_pitch = 16};

// The algorithm that the row takes, by its place in the list; -1: it refuses.
int chosen(HostLibrary& host) {
  const cublaslt::LibraryScope scope(host.functions());
  const auto& row = cublaslt_row(kLinear);
  if (!row.can_run(kProblem)) return -1;
  LinearData<float>(kProblem).fill(kSmallIntegers).run(row);
  return int(host.multiplications.back().algorithm);
}

TEST(CublasLtCalls, TakeTheFirstAlgorithmThatAddsInFloat32InOneOrder) {
  HostLibrary host;
  host.algorithms = {{.scheme = CUBLASLT_REDUCTION_SCHEME_INPLACE},
                     {.scheme = CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE},
                     {.workspace = size_t{64} << 20},
                     {.alignment = 32},
                     {.state = CUBLAS_STATUS_NOT_SUPPORTED},
                     {.scheme = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, .workspace = 4096},
                     {}};
  EXPECT_EQ(chosen(host), 5);
  host.algorithms.erase(host.algorithms.begin() + 5);
  EXPECT_EQ(chosen(host), 5);
  host.algorithms.pop_back();
  EXPECT_EQ(chosen(host), -1);
}

TEST(CublasLtCalls, AskForTheWorkspaceOfTheAlgorithm) {
  HostLibrary host;
  host.algorithms = {{.scheme = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, .workspace = 12345}};
  const cublaslt::LibraryScope scope(host.functions());
  const auto& row = cublaslt_row(kLinear);
  EXPECT_EQ(row.workspace_bytes(kProblem, row.prepare(kProblem).get()), 12345U + 256);
  LinearData<float>(kProblem).fill(kSmallIntegers).run(row);
  EXPECT_EQ(host.multiplications.back().workspace_bytes, 12345U);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(host.multiplications.back().workspace) % 256, 0U);
}

TEST(CublasLtCalls, ARunMakesNothingAndTakesThePointersItIsGiven) {
  HostLibrary host;
  const cublaslt::LibraryScope scope(host.functions());
  const auto& row = cublaslt_row(kLinear);
  LinearData<float> one(kProblem), other(kProblem);
  const auto prepared = row.prepare(kProblem);
  const int made = host.objects_made;
  int stream = 0;
  for (auto* data : {&one, &other, &one}) {
    data->fill(kSmallIntegers);
    row.run(
        kProblem,
        {.x = data->x.data(), .w = data->w.data(), .bias = data->bias.data(), .y = data->y.data()},
        prepared.get(), nullptr, {.backend = Backend::cuda, .native = &stream});
    const Multiplication& m = host.multiplications.back();
    EXPECT_EQ(m.product.bias, data->bias.data());
    EXPECT_EQ(m.at_d, data->y.data());
    EXPECT_EQ(static_cast<void*>(m.stream), &stream);
  }
  EXPECT_EQ(host.objects_made, made);
  EXPECT_EQ(host.multiplications.size(), 3U);
  expect_equal(one.y, other.y);
}

TEST(CublasLtCalls, LeaveNoObjectBehind) {
  HostLibrary host;
  const cublaslt::LibraryScope scope(host.functions());
  EXPECT_TRUE(cublaslt_row(kLinear).can_run(kProblem));
  LinearData<float>(kProblem).fill(kSmallIntegers).run(cublaslt_row(kLinear));
  EXPECT_GT(host.objects_made, 0);
  EXPECT_EQ(host.objects_alive, 0);
}

TEST(CublasLtCalls, WhatARunIsRefusedIsThrownByTheNextCheck) {
  HostLibrary host;
  const cublaslt::LibraryScope scope(host.functions());
  host.status = CUBLAS_STATUS_EXECUTION_FAILED;
  LinearData<float>(kProblem).fill(kSmallIntegers).run(cublaslt_row(kLinear));
  try {
    cuda::check_launches("head");
    FAIL();
  } catch (const Error& e) { EXPECT_STREQ(e.what(), "head: cublaslt: refused"); }
}

// Each pointer in turn. Where there is no device the own kernel is refused its launch.
TEST(CublasLtCalls, TensorsThatAreNotAlignedGoToTheOwnTiles) {
  HostLibrary host;
  const cublaslt::LibraryScope scope(host.functions());
  const auto& row = cublaslt_row(kLinear);
  const auto prepared = row.prepare(kProblem);
  for (int moved = 0; moved < 4; ++moved) {
    LinearData<float> data(kProblem);
    const auto at = [&](float* pointer, int which) { return pointer + (which == moved ? 1 : 0); };
    row.run(kProblem,
            {.x = at(data.x.data(), 0),
             .w = at(data.w.data(), 1),
             .bias = at(data.bias.data(), 2),
             .y = at(data.y.data(), 3)},
            prepared.get(), nullptr, {.backend = Backend::cuda});
    EXPECT_TRUE(host.multiplications.empty()) << moved;
    try {
      wait_for_device(row.name);
    } catch (const Error&) { EXPECT_EQ(cuda::device_count(), 0); }
  }
}

}  // namespace
}  // namespace sf
