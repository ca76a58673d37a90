// The rows compute what the problem says, if cuDNN does what it is told.
#include "tests/cudnn/rows.h"

namespace sf {
namespace {

using namespace sf::test;

class CudnnConv3d : public ::testing::TestWithParam<Case<Conv3dProblem>> {
 protected:
  HostLibrary host;
  cudnn::LibraryScope scope{host.functions()};
};
std::vector<Case<Conv3dProblem>> dense_cases() {
  auto cases = conv3d_cases();
  std::erase_if(cases, [](const auto& c) { return !is_dense(c.problem); });
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Cases, CudnnConv3d, ::testing::ValuesIn(dense_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(CudnnConv3d, ForwardEqualsTheReferenceOnIntegers) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dData<T> wanted(GetParam().problem), found(GetParam().problem);
    wanted.fill(small_integers).run(reference_of(kConv3d));
    found.fill(small_integers);
    ASSERT_TRUE(cudnn_row(kConv3d).can_run(found.p));
    found.run(cudnn_row(kConv3d));
    expect_equal(found.y, wanted.y);
    EXPECT_TRUE(found.y.guards_intact());
  });
}

TEST_P(CudnnConv3d, GradientsEqualTheReferenceOnIntegers) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dGradients<T> wanted(plain(GetParam().problem)), found(plain(GetParam().problem));
    wanted.fill(small_integers).run(reference_of(kConv3dData));
    wanted.run(reference_of(kConv3dWeight));
    found.fill(small_integers);
    ASSERT_TRUE(cudnn_row(kConv3dData).can_run(found.p));
    ASSERT_TRUE(cudnn_row(kConv3dWeight).can_run(found.p));
    found.run(cudnn_row(kConv3dData));
    found.run(cudnn_row(kConv3dWeight));
    expect_equal(found.dx, wanted.dx);
    expect_equal(found.dw, wanted.dw);
    EXPECT_TRUE(found.dx.guards_intact());
    EXPECT_TRUE(found.dw.guards_intact());
  });
}

TEST(CudnnConv3dRows, TheResidualMayBeTheOutput) {
  const HostLibrary host;
  const cudnn::LibraryScope scope(host.functions());
  const Conv3dProblem p =
      dense({.t = 2, .h = 3, .w = 4, .c = 8, .k = 16, .bias = true, .residual = true});
  Conv3dData<float> apart(p), shared(p);
  apart.fill(small_integers).run(cudnn_row(kConv3d));
  shared.fill(small_integers);
  shared.y = shared.residual;
  Conv3dArgs args = shared.args();
  args.residual = args.y;
  run_kernel(cudnn_row(kConv3d), p, args);
  expect_equal(shared.y, apart.y);
}

TEST(CudnnConv3dRows, RefuseWhatTheyCannotFuse) {
  const HostLibrary host;
  const cudnn::LibraryScope scope(host.functions());
  const Conv3dProblem p = dense({.t = 2, .h = 3, .w = 4, .c = 8, .k = 16});
  EXPECT_TRUE(cudnn_row(kConv3d).can_run(p));
  Conv3dProblem other = p;
  other.sums = true;
  EXPECT_FALSE(cudnn_row(kConv3d).can_run(other));
  other = p;
  other.bias = true;
  EXPECT_TRUE(cudnn_row(kConv3dData).can_run(other));
  EXPECT_FALSE(cudnn_row(kConv3dWeight).can_run(other));
  other = p;
  other.dtype = DType::f64;
  EXPECT_FALSE(cudnn_row(kConv3d).can_run(other));
  for (int64_t Conv3dProblem::*pitch : {&Conv3dProblem::x_pitch, &Conv3dProblem::y_pitch}) {
    other = p;
    other.*pitch += 8;
    EXPECT_FALSE(cudnn_row(kConv3d).can_run(other));
    EXPECT_FALSE(cudnn_row(kConv3dData).can_run(other));
    EXPECT_FALSE(cudnn_row(kConv3dWeight).can_run(other));
  }
  other = p;
  other.residual = true;
  other.residual_pitch += 8;
  EXPECT_FALSE(cudnn_row(kConv3d).can_run(other));
  other = dense({.t = 2, .h = 9, .w = 9, .c = 3, .k = 16, .kh = 3, .kw = 3, .tf32 = true});
  EXPECT_FALSE(cudnn_row(kConv3d, true).can_run(other));
}

TEST(CudnnConv3dRows, ComeBehindOwnOnesWhichTakeEverything) {
  const HostLibrary host;
  const cudnn::LibraryScope scope(host.functions());
  for (const auto& c : conv3d_cases()) {
    EXPECT_NE(select(kConv3d(Backend::cuda), c.problem), nullptr) << c.name;
    EXPECT_FALSE(select(kConv3d(Backend::cuda), c.problem)->name.starts_with("cudnn")) << c.name;
  }
}

TEST(CudnnConv3dRows, RunNothingWithoutADevice) {
  const HostLibrary host;
  cudnn::Library none = host.functions();
  none.current_device = [] { return -1; };
  const cudnn::LibraryScope scope(none);
  EXPECT_FALSE(cudnn_row(kConv3d).can_run(dense({.c = 8, .k = 8})));
}

}  // namespace
}  // namespace sf
