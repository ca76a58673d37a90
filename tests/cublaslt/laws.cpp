// The rows compute what the problem says, if cuBLASLt does what it is told.
#include "kernels/base/cuda/runtime.h"
#include "tests/cublaslt/rows.h"

namespace sf {
namespace {

using namespace sf::test;

class OnHost : public ::testing::Test {
 protected:
  HostLibrary host;
  cublaslt::LibraryScope scope{host.functions()};

  // All laws hold, and the library did it.
  template <class Problem>
  void expect_laws_of_calls(const Problem& problem) {
    expect_laws(problem, [&](auto, const Problem& p) {
      ASSERT_EQ(host.multiplications.size(), 2U);
      for (const Multiplication& m : host.multiplications)
        EXPECT_EQ(m.product.compute, p.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F);
      host.multiplications.clear();
    });
  }
};

class CublasLtLinear : public OnHost, public ::testing::WithParamInterface<Case<LinearProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, CublasLtLinear, ::testing::ValuesIn(linear_cases()),
                         [](const auto& info) { return info.param.name; });
TEST_P(CublasLtLinear, EqualsTheReference) { expect_laws_of_calls(GetParam().problem); }

class CublasLtMatmul : public OnHost, public ::testing::WithParamInterface<Case<MatmulProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, CublasLtMatmul, ::testing::ValuesIn(matmul_cases()),
                         [](const auto& info) { return info.param.name; });
TEST_P(CublasLtMatmul, EqualsTheReference) { expect_laws_of_calls(GetParam().problem); }

using CublasLtNetworks = OnHost;

MatmulProblem dense(MatmulProblem p) {
  p.lda = p.transpose_a ? p.m : p.k;
  p.ldb = p.transpose_b ? p.k : p.n;
  p.ldc = p.n;
  p.a_stride = int64_t{p.m} * p.k;
  p.b_stride = int64_t{p.k} * p.n;
  p.c_stride = int64_t{p.m} * p.n;
  return p;
}

// C2D, I3D and Slow have 2048 features, SlowFast 2304; Kinetics has 400 classes. A head sees one
// row a clip, or one a position where the clip is larger than in training.
TEST_F(CublasLtNetworks, HeadsAndTheirGradientsEqualTheReference) {
  for (const int in : {2048, 2304})
    for (const int rows : {1, 9}) {
      SCOPED_TRACE(cat(rows, " rows of ", in));
      const int out = 400;
      expect_laws_of_calls(LinearProblem{
          .rows = rows, .in = in, .out = out, .bias = true, .x_pitch = in, .y_pitch = out});
      // By x, then by the weights.
      expect_laws_of_calls(dense({.m = rows, .n = in, .k = out}));
      expect_laws_of_calls(dense({.m = out, .n = in, .k = rows, .transpose_a = true}));
    }
}

// Affinities and values of a non-local block of res4, of one of its frames and a quarter of its
// channels, and their gradients by both factors.
TEST_F(CublasLtNetworks, NonLocalBlocksAndTheirGradientsEqualTheReference) {
  const int queries = 14 * 14, keys = 7 * 7, inner = 128;
  const double scale = 0.0625;
  for (const MatmulProblem& p :
       {MatmulProblem{.m = queries, .n = keys, .k = inner, .transpose_b = true, .alpha = scale},
        MatmulProblem{.m = queries, .n = inner, .k = keys, .alpha = scale},
        MatmulProblem{.m = keys, .n = inner, .k = queries, .transpose_a = true, .alpha = scale},
        MatmulProblem{.m = queries, .n = inner, .k = keys},
        MatmulProblem{.m = queries, .n = keys, .k = inner, .transpose_b = true},
        MatmulProblem{.m = keys, .n = inner, .k = queries, .transpose_a = true}}) {
    MatmulProblem batched = dense(p);
    batched.batch = 2;
    expect_laws_of_calls(batched);
  }
}

TEST_F(OnHost, OneMatrixServesAWholeBatch) {
  MatmulProblem p = dense({.m = 5, .n = 7, .k = 11});
  p.batch = 3;
  p.b_stride = 0;
  expect_laws_of_calls(p);
}

TEST_F(OnHost, OwnRowsComeFirstAndTakeEverything) {
  const auto own = [](const auto& table, const auto& problem) {
    const auto* first = select(table(Backend::cuda), problem);
    return first && !first->name.starts_with("cublaslt");
  };
  for (const bool tf32 : {false, true}) {
    for (auto& c : linear_cases()) {
      c.problem.tf32 = tf32;
      EXPECT_TRUE(own(kLinear, c.problem)) << c.name;
    }
    for (auto& c : matmul_cases()) {
      c.problem.tf32 = tf32;
      EXPECT_TRUE(own(kMatmul, c.problem)) << c.name;
    }
  }
}

TEST_F(OnHost, RowsRefuseOtherTypesAndEachOthersProblems) {
  LinearProblem linear;
  MatmulProblem matmul = dense({});
  for (const bool tf32 : {false, true}) {
    linear.tf32 = matmul.tf32 = tf32;
    for (const bool row : {false, true}) {
      EXPECT_EQ(cublaslt_row(kLinear, row).can_run(linear), row == tf32);
      EXPECT_EQ(cublaslt_row(kMatmul, row).can_run(matmul), row == tf32);
    }
  }
  linear = {.dtype = DType::f64};
  matmul.dtype = DType::f64;
  matmul.tf32 = false;
  EXPECT_FALSE(cublaslt_row(kLinear).can_run(linear));
  EXPECT_FALSE(cublaslt_row(kMatmul).can_run(matmul));
  EXPECT_TRUE(cublaslt_row(kLinear).exact);
  EXPECT_FALSE(cublaslt_row(kLinear, true).exact);
}

TEST(CublasLtRows, RunNothingWithoutADevice) {
  const HostLibrary host;
  cublaslt::Library none = host.functions();
  none.current_device = [] { return -1; };
  const cublaslt::LibraryScope scope(none);
  EXPECT_FALSE(cublaslt_row(kLinear).can_run({}));
  EXPECT_FALSE(cublaslt_row(kMatmul).can_run(dense({})));
}

}  // namespace
}  // namespace sf
