#include "kernels/base/machine.h"
#include "tests/kernels/conv3d_data.h"

namespace sf {
namespace {

using namespace sf::test;

class Conv3dBackward : public ::testing::TestWithParam<Case<Conv3dProblem>> {};

INSTANTIATE_TEST_SUITE_P(Cases, Conv3dBackward, ::testing::ValuesIn(conv3d_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Conv3dBackward, EveryDataKernelEqualsTheReferenceOnIntegers) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dGradients<T> wanted(GetParam().problem), found(GetParam().problem);
    wanted.fill(small_integers).run(reference_of(kConv3dData));
    ASSERT_TRUE(wanted.dx.guards_intact());
    found.fill(small_integers);
    for_runnable(kConv3dData, {GetParam().name, found.p},
                 [&](const Conv3dBackwardDataKernel& kernel) {
                   found.run(kernel);
                   expect_equal(found.dx, wanted.dx);
                   EXPECT_TRUE(found.dx.guards_intact());
                 });
  });
}

TEST_P(Conv3dBackward, EveryWeightKernelEqualsTheReferenceOnIntegers) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dGradients<T> wanted(GetParam().problem), found(GetParam().problem);
    wanted.fill(small_integers).run(reference_of(kConv3dWeight));
    ASSERT_TRUE(wanted.dw.guards_intact());
    ASSERT_TRUE(wanted.dbias.guards_intact());
    found.fill(small_integers);
    for_runnable(kConv3dWeight, {GetParam().name, found.p},
                 [&](const Conv3dBackwardWeightKernel& kernel) {
                   found.run(kernel);
                   expect_equal(found.dw, wanted.dw);
                   expect_equal(found.dbias, wanted.dbias);
                   EXPECT_TRUE(found.dw.guards_intact());
                   EXPECT_TRUE(found.dbias.guards_intact());
                 });
  });
}

TEST_P(Conv3dBackward, HalfTypesRoundTheSinglePrecisionInputGradientOnceAndNoOther) {
  for_half_types([&](auto type) {
    using T = decltype(type);
    Conv3dGradients<T> half(GetParam().problem);
    Conv3dGradients<float> single(GetParam().problem);
    half.fill(reals<T>).run(reference_of(kConv3dData));
    single.fill(reals<T>).run(reference_of(kConv3dData));
    expect_rounded(half.dx, single.dx);
    half.run(reference_of(kConv3dWeight));
    single.run(reference_of(kConv3dWeight));
    expect_equal(half.dw, single.dw);
    expect_equal(half.dbias, single.dbias);
  });
}

// A sum of m rounded products in any order is off by no more than m eps/2 of the sum of magnitudes,
// to first order.
TEST_P(Conv3dBackward, EveryDataKernelStaysWithinTheRoundingBoundOnReals) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dGradients<double> wanted(GetParam().problem), magnitude(GetParam().problem);
    wanted.fill(reals<T>).run(reference_of(kConv3dData));
    magnitude.fill(magnitudes<T>).run(reference_of(kConv3dData));
    Conv3dGradients<T> found(GetParam().problem);
    found.fill(reals<T>);
    const double terms = double(taps(found.p)) * (found.p.k / found.p.groups) + 1;
    for_runnable(kConv3dData, {GetParam().name, found.p},
                 [&](const Conv3dBackwardDataKernel& kernel) {
                   found.run(kernel);
                   expect_within(found.dx, wanted.dx, [&](int64_t i, int64_t c) {
                     const double sum = terms * kEps / 2 * magnitude.dx.at(i, c);
                     return sum + rounding<T>(std::abs(wanted.dx.at(i, c)) + sum);
                   });
                 });
  });
}

TEST_P(Conv3dBackward, EveryWeightKernelStaysWithinTheRoundingBoundOnReals) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dGradients<double> wanted(GetParam().problem), magnitude(GetParam().problem);
    wanted.fill(reals<T>).run(reference_of(kConv3dWeight));
    magnitude.fill(magnitudes<T>).run(reference_of(kConv3dWeight));
    Conv3dGradients<T> found(GetParam().problem);
    found.fill(reals<T>);
    const double terms = double(found.p.out_pixels()) + 1;
    for_runnable(kConv3dWeight, {GetParam().name, found.p},
                 [&](const Conv3dBackwardWeightKernel& kernel) {
                   found.run(kernel);
                   expect_within(found.dw, wanted.dw, [&](int64_t i, int64_t c) {
                     return terms * kEps / 2 * magnitude.dw.at(i, c);
                   });
                   if (!found.p.bias) return;
                   expect_within(found.dbias, wanted.dbias, [&](int64_t i, int64_t c) {
                     return terms * kEps / 2 * magnitude.dbias.at(i, c);
                   });
                 });
  });
}

TEST_P(Conv3dBackward, WhatTheWorkspaceHeldChangesNoBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dGradients<T> nans(GetParam().problem), zeros(GetParam().problem);
    nans.fill(reals<T>);
    zeros.fill(reals<T>);
    for_runnable(kConv3dData, {GetParam().name, nans.p},
                 [&](const Conv3dBackwardDataKernel& kernel) {
                   nans.run(kernel, 0xFF);
                   zeros.run(kernel, 0);
                   expect_equal(nans.dx, zeros.dx);
                 });
    for_runnable(kConv3dWeight, {GetParam().name, nans.p},
                 [&](const Conv3dBackwardWeightKernel& kernel) {
                   nans.run(kernel, 0xFF);
                   zeros.run(kernel, 0);
                   expect_equal(nans.dw, zeros.dw);
                   expect_equal(nans.dbias, zeros.dbias);
                 });
  });
}

template <class T>
double inner_product(const Rows<T>& a, const Rows<T>& b) {
  double sum = 0;
  for (int64_t i = 0; i < a.rows(); ++i)
    for (int64_t c = 0; c < a.channels(); ++c) sum += a.at(i, c) * b.at(i, c);
  return sum;
}

// <conv(x, w) + bias, dy> is linear in x, in w and in the bias, and each gradient is what x, w or
// the bias is multiplied with. Integers, so that every sum is exact.
TEST_P(Conv3dBackward, TheGradientsAreTheAdjointsOfTheForwardKernel) {
  Conv3dProblem p = GetParam().problem;
  p.residual = false;
  p.activation = Activation::none;
  Conv3dGradients<double> data(p);
  data.fill(small_integers);
  data.run(reference_of(kConv3dData));
  data.run(reference_of(kConv3dWeight));
  const auto forward_product = [&](bool with_bias) {
    Rows<double> y = output<double>(p.out_pixels(), p.k, p.y_pitch);
    Conv3dProblem forward = data.p;
    forward.bias = with_bias;
    run_kernel(reference_of(kConv3d(Backend::cpu)), forward,
               {.x = data.x.data(), .w = data.w.data(), .bias = data.bias.data(), .y = y.data()});
    return inner_product(y, data.dy);
  };
  const double product = forward_product(false);
  EXPECT_EQ(inner_product(data.x, data.dx), product);
  EXPECT_EQ(inner_product(data.w, data.dw), product);
  if (p.bias) { EXPECT_EQ(inner_product(data.bias, data.dbias), forward_product(true) - product); }
  // Another x, so that no gradient can fit the one that it was made with by chance.
  data.x.fill(integers("another x", 3));
  EXPECT_EQ(inner_product(data.x, data.dx), forward_product(false));
}

// A prepared kernel that packs its weights before every run, as a step of training does.
template <class Args>
class Step {
 public:
  Step(const Kernel<Conv3dProblem, Args>& kernel, const Conv3dProblem& p)
      : kernel_(kernel),
        p_(p),
        prepared_(kernel.prepare ? kernel.prepare(p) : nullptr),
        packed_(bytes(kernel.packed_bytes)),
        workspace_(bytes(kernel.workspace_bytes)) {}

  void run(Args args) {
    kernel_.pack(p_, args.w, packed_.data(), prepared_.get());
    args.w = packed_.data();
    kernel_.run(p_, args, prepared_.get(), workspace_.data(), Queue{});
  }

 private:
  size_t bytes(size_t (*size)(const Conv3dProblem&, void*)) const {
    return size ? size(p_, prepared_.get()) : 0;
  }

  const Kernel<Conv3dProblem, Args>& kernel_;
  Conv3dProblem p_;
  std::shared_ptr<void> prepared_;
  VisibleVector<std::byte> packed_, workspace_;
};

TEST_P(Conv3dBackward, WeightsMayChangeBetweenRuns) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dProblem p = GetParam().problem;
    p.residual = false;
    Conv3dGradients<T> data(p);
    data.fill(small_integers);
    Rows<T> y = output<T>(p.out_pixels(), p.k, p.y_pitch), wanted = y;
    const auto forward_args = [&](Rows<T>& to) {
      return Conv3dArgs{.x = data.x.data(),
                        .w = data.w.data(),
                        .bias = p.bias ? data.bias.data() : nullptr,
                        .y = to.data()};
    };
    const auto backward_args = [&] {
      return Conv3dBackwardDataArgs{.dy = data.dy.data(), .w = data.w.data(), .dx = data.dx.data()};
    };
    for_runnable(kConv3d(Backend::cpu), {GetParam().name, data.p}, [&](const Conv3dKernel& kernel) {
      if (!kernel.pack) return;
      Step step(kernel, data.p);
      for (const char* key : {"w", "another w"}) {
        data.w.fill(integers(key, 3));
        step.run(forward_args(y));
        run_kernel(reference_of(kConv3d(Backend::cpu)), data.p, forward_args(wanted));
        expect_equal(y, wanted);
      }
    });
    for_runnable(kConv3dData, {GetParam().name, data.p},
                 [&](const Conv3dBackwardDataKernel& kernel) {
                   if (!kernel.pack) return;
                   Step step(kernel, data.p);
                   for (const char* key : {"w", "another w"}) {
                     data.w.fill(integers(key, 3));
                     step.run(backward_args());
                     const Rows<T> found = data.dx;
                     data.run(reference_of(kConv3dData));
                     expect_equal(found, data.dx);
                   }
                 });
  });
}

// Vectors of channels are for tensors that begin where a vector may; others have the same
// gradients.
TEST(Conv3dBackwardAddresses, NeedNotBeAligned) {
  Conv3dProblem p{.t = 2, .h = 5, .w = 4, .c = 16, .k = 24, .kh = 3, .kw = 3, .pad = {0, 1, 1}};
  p.bias = true;
  p.x_pitch = p.y_pitch = 32;
  const int64_t pixels = int64_t{p.t} * p.h * p.w, weights = int64_t{p.k} * 9 * p.c;
  // The tensors begin at the second value of a row.
  auto x = input<float>(pixels, p.c + 1, p.x_pitch), w = input<float>(1, weights + 1, weights + 1),
       dy = input<float>(p.out_pixels(), p.k + 1, p.y_pitch);
  x.fill(integers("x", 3)), w.fill(integers("w", 3)), dy.fill(integers("dy", 3));
  const auto dx_by = [&](const Conv3dBackwardDataKernel& kernel) {
    auto dx = output<float>(pixels, p.c + 1, p.x_pitch);
    run_kernel(kernel, p, {.dy = dy.data() + 1, .w = w.data() + 1, .dx = dx.data() + 1});
    return dx;
  };
  const auto dw_by = [&](const Conv3dBackwardWeightKernel& kernel) {
    auto dw = output<float>(1, weights + 1 + p.k, weights + 1 + p.k);
    run_kernel(kernel, p,
               {.x = x.data() + 1,
                .dy = dy.data() + 1,
                .dw = dw.data() + 1,
                .dbias = dw.data() + 1 + weights});
    return dw;
  };
  for_runnable(kConv3dData, {"unaligned", p}, [&](const Conv3dBackwardDataKernel& kernel) {
    expect_equal(dx_by(kernel), dx_by(reference_of(kConv3dData)));
  });
  for_runnable(kConv3dWeight, {"unaligned", p}, [&](const Conv3dBackwardWeightKernel& kernel) {
    expect_equal(dw_by(kernel), dw_by(reference_of(kConv3dWeight)));
  });
}

TEST(Conv3dBackwardTable, OneDnnLeavesPitchesAndOtherTypesToOthers) {
  Conv3dProblem p = dense({.t = 2, .h = 8, .w = 8, .c = 16, .k = 16});
  const auto expect_selected = [&](std::string_view name) {
    EXPECT_EQ(select(kConv3dData(Backend::cpu), p)->name, name);
    EXPECT_EQ(select(kConv3dWeight(Backend::cpu), p)->name, name);
  };
  expect_selected("onednn");
  p.x_pitch = 32;
  expect_selected("gemm");
  p = dense(p);
  p.y_pitch = 32;
  expect_selected("gemm");
  p = dense(p);
  p.dtype = DType::f64;
  expect_selected("reference");
  p.dtype = DType::f16;
  expect_selected("reference");
  p.dtype = DType::u8;
  EXPECT_EQ(select(kConv3dData(Backend::cpu), p), nullptr);
  EXPECT_EQ(select(kConv3dWeight(Backend::cpu), p), nullptr);
}

TEST(Conv3dBackwardTable, StridedPointwiseRowTakesNothingElse) {
  const Conv3dProblem p = dense({.t = 2, .h = 8, .w = 8, .c = 16, .k = 16, .stride = {1, 2, 2}});
  const auto taken = [](const Conv3dProblem& problem) {
    constexpr std::string_view kRow = "onednn_strided_pointwise";
    const bool by_data = select(kConv3dData(Backend::cpu), problem)->name == kRow;
    EXPECT_EQ(by_data, select(kConv3dWeight(Backend::cpu), problem)->name == kRow);
    return by_data;
  };
  EXPECT_TRUE(taken(p));
  Conv3dProblem other = p;
  other.stride = {1, 1, 1};
  EXPECT_FALSE(taken(other));
  other = p;
  other.pad = {0, 1, 1};
  EXPECT_FALSE(taken(dense(other)));
  other = p;
  other.kw = 3;
  EXPECT_FALSE(taken(dense(other)));
  other = p;
  other.x_pitch += 1;
  EXPECT_FALSE(taken(other));
}

TEST(Conv3dBackwardTable, StemsTakeTheirOwnRowAndNothingElseDoes) {
  const Conv3dProblem p = dense({.dtype = DType::bf16,
                                 .t = 4,
                                 .h = 32,
                                 .w = 32,
                                 .c = 3,
                                 .k = 8,
                                 .kt = 5,
                                 .kh = 7,
                                 .kw = 7,
                                 .stride = {1, 2, 2},
                                 .pad = {2, 3, 3}});
  const auto row_of = [](const Conv3dProblem& problem) {
    return select(kConv3dWeight(Backend::simt), dense(problem))->name;
  };
  EXPECT_EQ(row_of(p), "stem");
  Conv3dProblem other = p;
  other.dtype = DType::f32;
  EXPECT_EQ(row_of(other), "stem");
  other.tf32 = true;
  EXPECT_EQ(row_of(other), "stem_tf32");
  other.stride = {1, 2, 1};
  EXPECT_EQ(row_of(other), "stem_tf32");
  const auto refused = [&](auto change) {
    Conv3dProblem changed = p;
    change(changed);
    return row_of(changed) == "gemm";
  };
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.c = 5; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.c = 4, q.groups = 2; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.kh = 8; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.kw = 9; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.kw = 8; }));  // and one pixel before it
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.stride = {1, 2, 1}; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.dilation = {1, 1, 2}; }));
}

TEST(Conv3dBackwardTable, NoSlowFastLayerRunsOneDnnsReference) {
  const auto check = [](const Conv3dProblem& p, const std::string& name) {
    constexpr int kRgb = 3;  // nobody asks for the gradient of a clip
    if (p.c != kRgb) { EXPECT_NE(select(kConv3dData(Backend::cpu), p)->name, "reference") << name; }
    EXPECT_NE(select(kConv3dWeight(Backend::cpu), p)->name, "reference") << name;
  };
  for (const int n : {1, 2})
    for (const int size : {224, 256})
      for (const auto& c : slowfast_conv3d_cases(n, size)) {
        check(c.problem, c.name);
        if (!has_bf16_products()) continue;
        Conv3dProblem half = c.problem;
        half.dtype = DType::bf16;
        check(half, c.name);
      }
}

}  // namespace
}  // namespace sf
