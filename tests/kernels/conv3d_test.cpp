#include <thread>

#include "kernels/base/machine.h"
#include "tests/kernels/conv3d_data.h"

namespace sf {
namespace {

using namespace sf::test;

const Conv3dKernel* chosen(const Conv3dProblem& p) { return select(kConv3d(Backend::cpu), p); }

class Conv3d : public ::testing::TestWithParam<Case<Conv3dProblem>> {};

INSTANTIATE_TEST_SUITE_P(Cases, Conv3d, ::testing::ValuesIn(conv3d_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Conv3d, EveryExactKernelEqualsTheReferenceOnIntegers) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dData<T> wanted(GetParam().problem), found(GetParam().problem);
    wanted.fill(small_integers);
    found.fill(small_integers);
    wanted.run(reference_of(kConv3d));
    ASSERT_TRUE(wanted.y.guards_intact());
    for_runnable(kConv3d, {GetParam().name, found.p}, [&](const Conv3dKernel& kernel) {
      if (!kernel.exact) return;
      found.run(kernel);
      expect_equal(found.y, wanted.y);
      EXPECT_TRUE(found.y.guards_intact());
    });
  });
}

TEST_P(Conv3d, HalfTypesRoundTheSinglePrecisionResultOnce) {
  for_half_types([&](auto type) {
    using T = decltype(type);
    Conv3dData<T> half(GetParam().problem);
    Conv3dData<float> single(GetParam().problem);
    half.fill(reals<T>);
    single.fill(reals<T>);
    half.run(reference_of(kConv3d));
    single.run(reference_of(kConv3d));
    expect_rounded(half.y, single.y);
    EXPECT_TRUE(half.y.guards_intact());
  });
}

TEST_P(Conv3d, EveryKernelStaysWithinTheRoundingBoundOnReals) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dData<double> wanted(GetParam().problem), magnitude(GetParam().problem);
    wanted.fill(reals<T>);
    wanted.run(reference_of(kConv3d));
    magnitude.fill(magnitudes<T>);
    magnitude.p.activation = Activation::none;
    magnitude.run(reference_of(kConv3d));

    Conv3dData<T> found(GetParam().problem);
    found.fill(reals<T>);
    // A sum of m terms in any order is off by no more than m eps/2 of the sum of magnitudes, to
    // first order; m: the products, each itself rounded, bias and residual.
    const double terms = double(weights_of_output(found.p)) + 3;
    for_runnable(kConv3d, {GetParam().name, found.p}, [&](const Conv3dKernel& kernel) {
      found.run(kernel);
      expect_within(found.y, wanted.y, [&](int64_t i, int64_t c) {
        const double sum = terms * kEps / 2 * magnitude.y.at(i, c);
        return sum + rounding<T>(std::abs(wanted.y.at(i, c)) + sum);
      });
    });
  });
}

TEST_P(Conv3d, WhatTheWorkspaceHeldChangesNoBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dData<T> nans(GetParam().problem), zeros(GetParam().problem);
    nans.fill(reals<T>);
    zeros.fill(reals<T>);
    for_runnable(kConv3d, {GetParam().name, nans.p}, [&](const Conv3dKernel& kernel) {
      if (!kernel.workspace_bytes && !kernel.packed_bytes) return;
      nans.run(kernel, 0xFF);
      zeros.run(kernel, 0);
      expect_equal(nans.y, zeros.y);
    });
  });
}

TEST_P(Conv3d, TheResidualMayBeTheOutput) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dProblem p = GetParam().problem;
    p.dtype = dtype_of<T>;
    if (!p.residual) return;
    p.residual_pitch = p.y_pitch;
    Conv3dData<T> apart(p), shared(p);
    apart.fill(small_integers);
    shared.fill(small_integers);
    for_runnable(kConv3d, {GetParam().name, p}, [&](const Conv3dKernel& kernel) {
      apart.run(kernel);
      shared.y = shared.residual;
      Conv3dArgs args = shared.args();
      args.residual = args.y;
      run_kernel(kernel, p, args);
      expect_equal(shared.y, apart.y);
    });
  });
}

// The other way round: each input value is added to the outputs that its weights lead to.
TEST_P(Conv3d, TheReferenceEqualsScatteringTheInputs) {
  Conv3dData<double> data(GetParam().problem);
  data.fill(small_integers);
  data.p.activation = Activation::none;
  data.run(reference_of(kConv3d));
  const Conv3dProblem& p = data.p;
  Rows<double> y(p.out_pixels(), p.k, p.k, 0);
  y.fill([&](int64_t i) {
    return (p.bias ? data.bias.at(0, i % p.k) : 0) +
           (p.residual ? data.residual.at(i / p.k, i % p.k) : 0);
  });
  const int c_per_group = p.c / p.groups, k_per_group = p.k / p.groups;
  for (int64_t pixel = 0; pixel < data.x.rows(); ++pixel)
    for (int64_t tap = 0; tap < int64_t{p.kt} * p.kh * p.kw; ++tap) {
      const int at[3] = {int(pixel / p.w / p.h % p.t), int(pixel / p.w % p.h), int(pixel % p.w)};
      const int offset[3] = {int(tap / p.kw / p.kh), int(tap / p.kw % p.kh), int(tap % p.kw)};
      const int extent[3] = {p.out_t(), p.out_h(), p.out_w()};
      int64_t to = pixel / p.w / p.h / p.t;
      bool hit = true;
      for (size_t axis = 0; axis < 3; ++axis) {
        const int position = at[axis] + p.pad[axis] - offset[axis] * p.dilation[axis];
        const int out = position / p.stride[axis];
        hit = hit && position >= 0 && position % p.stride[axis] == 0 && out < extent[axis];
        to = to * extent[axis] + out;
      }
      if (!hit) continue;
      for (int c = 0; c < p.c; ++c)
        for (int k = c / c_per_group * k_per_group; k < (c / c_per_group + 1) * k_per_group; ++k)
          y.at(to, k) += data.x.at(pixel, c) * data.w.at(k, tap * c_per_group + c % c_per_group);
    }
  expect_equal(data.y, y);
}

TEST(Conv3dTable, PreparedStatesRunSideBySide) {
  const Case<Conv3dProblem> c = conv3d_cases()[5];
  Conv3dData<float> alone(c.problem), first(c.problem), second(c.problem);
  for (Conv3dData<float>* data : {&alone, &first, &second}) data->fill(reals<float>);
  second.x.fill(reals("other"));
  for_runnable(kConv3d, c, [&](const Conv3dKernel& kernel) {
    alone.run(kernel);
    for (int i = 0; i < 5; ++i) {
      std::thread other([&] { second.run(kernel); });
      first.run(kernel);
      other.join();
      expect_equal(first.y, alone.y);
    }
  });
}

TEST(Conv3dTable, OneDnnLeavesPitchesAndOtherTypesToOthers) {
  Conv3dProblem p = dense({.t = 2, .h = 8, .w = 8, .c = 16, .k = 16});
  EXPECT_EQ(chosen(p)->name, "onednn");
  p.x_pitch = 32;
  EXPECT_EQ(chosen(p)->name, "gemm");
  p = dense(p);
  p.dtype = DType::f64;
  EXPECT_EQ(chosen(p)->name, "reference");
  p.dtype = DType::f16;
  EXPECT_EQ(chosen(p)->name, "reference");
  p.dtype = DType::u8;
  EXPECT_EQ(chosen(p), nullptr);
}

TEST(Conv3dTable, AResidualOfAnotherPitchStillRunsFast) {
  Conv3dProblem p = dense({.t = 2, .h = 8, .w = 8, .c = 16, .k = 16, .residual = true});
  p.residual_pitch = 40;
  Conv3dData<float> wanted(p), found(p);
  wanted.fill(small_integers);
  found.fill(small_integers);
  ASSERT_EQ(chosen(p)->name, "onednn");
  wanted.run(reference_of(kConv3d));
  found.run(*chosen(p));
  expect_equal(found.y, wanted.y);
}

// More than 2 MiB, whose next panel is fetched while one is multiplied; the last is half a panel.
TEST(Conv3dTable, LargeWeightsGiveTheReferenceOnIntegers) {
  const Conv3dProblem p = dense({.h = 9, .w = 11, .c = 264, .k = 2056, .residual = true});
  Conv3dData<float> wanted(p), found(p);
  wanted.fill(small_integers).run(reference_of(kConv3d));
  found.fill(small_integers);
  for_runnable(kConv3d(Backend::cpu), {"large_weights", found.p}, [&](const Conv3dKernel& kernel) {
    if (!kernel.exact) return;
    found.run(kernel);
    expect_equal(found.y, wanted.y);
    EXPECT_TRUE(found.y.guards_intact());
  });
}

TEST(Conv3dTable, NoSlowFastLayerRunsOneDnnsReference) {
  for (const int n : {1, 3})
    for (const int size : {224, 256})
      for (const auto& c : slowfast_conv3d_cases(n, size)) {
        const std::string implementation = onednn_conv3d_implementation(c.problem);
        EXPECT_EQ(implementation.find("ref"), std::string::npos)
            << c.name << ": " << implementation;
        EXPECT_FALSE(implementation.empty()) << c.name;
        EXPECT_NE(chosen(c.problem)->name, "reference") << c.name;
        if (!has_bf16_products()) continue;
        Conv3dProblem half = c.problem;
        half.dtype = DType::bf16;
        EXPECT_NE(chosen(half)->name, "reference") << c.name;
      }
}

// A view of a concatenation may begin anywhere.
TEST(Conv3dTable, AnInputOffTheAlignmentOfVectorsIsTaken) {
  Case<Conv3dProblem> c = conv3d_cases()[5];
  c.problem.x_pitch = 24;
  Conv3dData<bf16> wanted(c.problem), found(c.problem);
  wanted.fill(small_integers).run(reference_of(kConv3d));
  found.fill(small_integers);
  Rows<bf16> x = found.x;
  bf16* moved = x.data() + 3;  // within the margin
  std::copy(found.x.data(), found.x.data() + found.x.rows() * 24, moved);
  for_runnable_on_devices(kConv3d, {c.name, found.p}, [&](const Conv3dKernel& kernel) {
    Conv3dArgs args = found.args();
    args.x = moved;
    run_kernel(kernel, found.p, args);
    expect_equal(found.y, wanted.y);
  });
}

TEST(Conv3dTable, FlopsAreTwoForEachMultiplyAdd) {
  EXPECT_EQ(dense({.t = 2, .h = 3, .w = 4, .c = 8, .k = 6, .kt = 3, .pad = {1, 0, 0}}).flops(),
            2.0 * 24 * 6 * 3 * 8);
  EXPECT_EQ(dense({.h = 3, .w = 4, .c = 8, .k = 8, .kh = 3, .kw = 3, .pad = {0, 1, 1}, .groups = 8})
                .flops(),
            2.0 * 12 * 8 * 9);
}

}  // namespace
}  // namespace sf
