// The library of this machine.
#include "kernels/base/cuda/libraries.h"
#include "kernels/base/cuda/runtime.h"
#include "tests/cublaslt/rows.h"

namespace sf {
namespace {

using namespace sf::test;

// Descriptors need no device: only the handle and what is asked of it do.
TEST(InstalledCublasLt, TakesWhatTheRowsTellIt) {
  if (!cublaslt::loaded_library()) GTEST_SKIP() << describe_cublaslt();
  cublaslt::Library library = *cublaslt::loaded_library();
  library.create = [](cublasLtHandle_t*) { return CUBLAS_STATUS_SUCCESS; };
  library.get_heuristic = [](cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                             cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                             cublasLtMatmulPreference_t, int,
                             cublasLtMatmulHeuristicResult_t* found, int* count) {
    *found = {};
    found->state = CUBLAS_STATUS_SUCCESS;
    *count = 1;
    return CUBLAS_STATUS_SUCCESS;
  };
  library.current_device = [] { return 0; };
  const cublaslt::LibraryScope scope(library);
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
    for (auto& c : linear_cases()) {
      c.problem.dtype = dtype;
      EXPECT_EQ(cublaslt_row(kLinear).can_run(c.problem), Op<LinearProblem>::is_taken(c.problem))
          << c.name;
    }
    for (auto& c : matmul_cases()) {
      c.problem.dtype = dtype;
      EXPECT_TRUE(cublaslt_row(kMatmul).can_run(c.problem)) << c.name;
    }
  }
}

class InstalledCublasLtOnDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!cublaslt::loaded_library()) GTEST_SKIP() << describe_cublaslt();
    if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  }
  const BackendScope scope{Backend::cuda};
};

const auto kSameBitsTwice = []<class T, class Problem>(T, const Problem& p) {
  using O = Op<Problem>;
  typename O::template Data<T> once(p), again(p);
  once.fill(reals<T>).run(cublaslt_row(O::kTable, p.tf32), 0xFF);
  again.fill(reals<T>).run(cublaslt_row(O::kTable, p.tf32), 0);
  expect_equal(O::result(again), O::result(once));
};

TEST_F(InstalledCublasLtOnDevice, KeepsTheLawsOfLayers) {
  for (const auto& c : linear_cases()) {
    SCOPED_TRACE(c.name);
    expect_laws(c.problem, kSameBitsTwice);
  }
}

TEST_F(InstalledCublasLtOnDevice, KeepsTheLawsOfProducts) {
  for (const auto& c : matmul_cases()) {
    SCOPED_TRACE(c.name);
    expect_laws(c.problem, kSameBitsTwice);
  }
}

// Of few values with a long sum, which algorithms may split.
TEST_F(InstalledCublasLtOnDevice, GivesTheSameBitsInEveryRun) {
  for (const bool tf32 : {false, true}) {
    MatmulProblem p{.m = 16, .n = 16, .k = 100000, .lda = 100000, .ldb = 16, .ldc = 16};
    p.tf32 = tf32;
    ASSERT_TRUE(cublaslt_row(kMatmul, tf32).can_run(p));
    MatmulData<float> first(p);
    first.fill(reals<float>).run(cublaslt_row(kMatmul, tf32));
    for (int run = 0; run < 20; ++run) {
      MatmulData<float> next(p);
      next.fill(reals<float>).run(cublaslt_row(kMatmul, tf32));
      expect_equal(next.c, first.c);
    }
  }
}

}  // namespace
}  // namespace sf
