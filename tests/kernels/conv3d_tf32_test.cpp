// Convolutions of float32 whose factors may be rounded to TF32, and their gradients.
#include "tests/kernels/conv3d_data.h"

namespace sf {
namespace {

using namespace sf::test;

bool is_tf32(std::string_view kernel) { return kernel.find("tf32") != std::string_view::npos; }

// f(kernel) for the rows of that name that can run the problem.
template <class Args, class F>
void for_tf32_rows(Table<Conv3dProblem, Args> table, const Case<Conv3dProblem>& c, const F& f) {
  for_runnable_on_devices(table, c, [&](const Kernel<Conv3dProblem, Args>& kernel) {
    if (is_tf32(kernel.name)) f(kernel);
  });
}

Case<Conv3dProblem> allowing_tf32(Case<Conv3dProblem> c) {
  c.problem.tf32 = true;
  return c;
}

class Conv3dTf32 : public ::testing::TestWithParam<Case<Conv3dProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Conv3dTf32, ::testing::ValuesIn(conv3d_cases()),
                         [](const auto& info) { return info.param.name; });

// Whole numbers up to 3 are exact in TF32, and so are their sums of products in float32.
TEST_P(Conv3dTf32, KernelsEqualTheReferenceOnIntegers) {
  const auto c = allowing_tf32(GetParam());
  Conv3dData<float> wanted(c.problem), found(c.problem);
  wanted.fill(small_integers).run(reference_of(kConv3d));
  found.fill(small_integers);
  for_tf32_rows(kConv3d, c, [&](const Conv3dKernel& kernel) {
    found.run(kernel);
    expect_equal(found.y, wanted.y);
    EXPECT_TRUE(found.y.guards_intact());
  });
  Conv3dGradients<float> gradients(c.problem), of_row(c.problem);
  gradients.fill(small_integers).run(reference_of(kConv3dData));
  gradients.run(reference_of(kConv3dWeight));
  of_row.fill(small_integers);
  for_tf32_rows(kConv3dData, c, [&](const Conv3dBackwardDataKernel& kernel) {
    of_row.run(kernel);
    expect_equal(of_row.dx, gradients.dx);
    EXPECT_TRUE(of_row.dx.guards_intact());
  });
  for_tf32_rows(kConv3dWeight, c, [&](const Conv3dBackwardWeightKernel& kernel) {
    of_row.run(kernel);
    expect_equal(of_row.dw, gradients.dw);
    expect_equal(of_row.dbias, gradients.dbias);
    EXPECT_TRUE(of_row.dw.guards_intact());
  });
}

// A sum of m terms in any order is off by m eps/2 of the sum of magnitudes, to first order; both
// factors of each product are off by 2^-11 where they are rounded. What cuDNN does with them nobody
// says: tensor cores cut them off, which moves each by up to 2^-10.
double tf32_bound(double terms, std::string_view kernel) {
  const double factor = kernel.starts_with("cudnn") ? 0x1p-10 : 0x1p-11;
  return terms * kEps / 2 + 2 * factor + factor * factor;
}

TEST_P(Conv3dTf32, KernelsStayWithinTheRoundingBoundOnReals) {
  const auto c = allowing_tf32(GetParam());
  Conv3dData<double> wanted(c.problem), magnitude(c.problem);
  magnitude.p.activation = Activation::none;
  wanted.fill(reals<float>).run(reference_of(kConv3d));
  magnitude.fill(magnitudes<float>).run(reference_of(kConv3d));
  Conv3dData<float> found(c.problem);
  found.fill(reals<float>);
  for_tf32_rows(kConv3d, c, [&](const Conv3dKernel& kernel) {
    found.run(kernel);
    const double share = tf32_bound(double(weights_of_output(found.p)) + 3, kernel.name);
    expect_within(found.y, wanted.y,
                  [&](int64_t i, int64_t k) { return share * magnitude.y.at(i, k); });
  });
}

TEST_P(Conv3dTf32, GradientsStayWithinTheRoundingBoundOnReals) {
  const auto c = allowing_tf32(GetParam());
  Conv3dGradients<double> wanted(c.problem), magnitude(c.problem);
  wanted.fill(reals<float>).run(reference_of(kConv3dData));
  wanted.run(reference_of(kConv3dWeight));
  magnitude.fill(magnitudes<float>).run(reference_of(kConv3dData));
  magnitude.run(reference_of(kConv3dWeight));
  Conv3dGradients<float> found(c.problem);
  found.fill(reals<float>);
  for_tf32_rows(kConv3dData, c, [&](const Conv3dBackwardDataKernel& kernel) {
    found.run(kernel);
    const double share =
        tf32_bound(double(taps(found.p)) * (found.p.k / found.p.groups) + 1, kernel.name);
    expect_within(found.dx, wanted.dx,
                  [&](int64_t i, int64_t k) { return share * magnitude.dx.at(i, k); });
  });
  for_tf32_rows(kConv3dWeight, c, [&](const Conv3dBackwardWeightKernel& kernel) {
    found.run(kernel);
    const double share = tf32_bound(double(found.p.out_pixels()) + 1, kernel.name);
    expect_within(found.dw, wanted.dw,
                  [&](int64_t i, int64_t k) { return share * magnitude.dw.at(i, k); });
  });
}

TEST(Conv3dTf32Table, RowsAreTakenOnlyWhereTheProblemAllows) {
  Conv3dProblem p = dense({.t = 2, .h = 8, .w = 8, .c = 16, .k = 16});
  const auto expect_selected = [&](std::string_view forward, std::string_view data,
                                   std::string_view weight) {
    EXPECT_EQ(select(kConv3d(Backend::simt), p)->name, forward);
    EXPECT_EQ(select(kConv3dData(Backend::simt), p)->name, data);
    EXPECT_EQ(select(kConv3dWeight(Backend::simt), p)->name, weight);
  };
  expect_selected("gemm_f32", "gemm_f32_128x32", "gemm_f32_32x64");
  for (const auto& kernel : kConv3d(Backend::simt))
    if (is_tf32(kernel.name)) { EXPECT_FALSE(kernel.can_run(p)) << kernel.name; }
  p.tf32 = true;
  expect_selected("gemm_tf32", "gemm_tf32_128x32", "gemm_tf32_64x64");
}

}  // namespace
}  // namespace sf
