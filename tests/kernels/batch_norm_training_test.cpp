#ifdef _OPENMP
#include <omp.h>
#endif

#include "tests/kernels/batch_norm_training.h"

namespace sf {
namespace {

using namespace sf::test;
using P = BatchNormTrainingProblem;
template <class T, class V = T>
using Data = BatchNormTrainingData<T, V>;

class BatchNormTraining : public ::testing::TestWithParam<Case<P>> {};
INSTANTIATE_TEST_SUITE_P(Cases, BatchNormTraining, ::testing::ValuesIn(batch_norm_training_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(BatchNormTraining, SumsOfIntegersAreTheSameInEveryKernel) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> data(GetParam().problem);
    data.x.fill(integers("x", 9));
    data.y.fill(integers("y", 3));
    data.dy.fill(integers("dy", 9));
    data.mean.fill(integers("mean", 9));
    data.run(reference_of(kSums));
    data.run(reference_of(kBackwardSums));
    const auto sums = data.sums, backward_sums = data.backward_sums;
    const auto dresidual = data.dresidual;
    for_runnable(kSums, {GetParam().name, data.p}, [&](const BatchNormSumsKernel& kernel) {
      data.run(kernel);
      expect_equal(data.sums, sums);
      EXPECT_EQ(data.count.at(0, 0), double(data.p.count()));
      EXPECT_TRUE(data.sums.guards_intact());
    });
    for_runnable(kBackwardSums, {GetParam().name, data.p},
                 [&](const BatchNormBackwardSumsKernel& kernel) {
                   data.run(kernel);
                   expect_equal(data.backward_sums, backward_sums);
                   EXPECT_EQ(data.backward_count.at(0, 0), double(data.p.count()));
                   expect_equal(data.dresidual, dresidual);
                   EXPECT_TRUE(data.backward_sums.guards_intact());
                   EXPECT_TRUE(data.dresidual.guards_intact());
                 });
  });
}

// Sums in double precision of values below 4: each of n additions is rounded.
TEST_P(BatchNormTraining, SumsOfRealsDifferByRoundingOnly) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> data(GetParam().problem);
    data.forward().run(reference_of(kBackwardSums));
    const auto sums = data.sums, backward_sums = data.backward_sums;
    const auto n = double(data.p.count());
    const auto bound = [&](int64_t, int64_t) { return n * n * 4 * kDoubleEps; };
    for_runnable(kSums(Backend::cpu), {GetParam().name, data.p},
                 [&](const BatchNormSumsKernel& kernel) {
                   data.run(kernel);
                   expect_within(data.sums, sums, bound);
                 });
    for_runnable(kBackwardSums(Backend::cpu), {GetParam().name, data.p},
                 [&](const BatchNormBackwardSumsKernel& kernel) {
                   data.run(kernel);
                   expect_within(data.backward_sums, backward_sums, bound);
                 });
  });
}

// Strips of deviations in single precision, the rest in double precision.
template <class T>
void expect_strip_bound(const Case<P>& problem) {
  Data<T> data(problem.problem);
  data.forward().run(reference_of(kBackwardSums));
  const P& p = data.p;
  const auto sums = data.sums, backward_sums = data.backward_sums;
  // Row split: the sum of the first terms' magnitudes; behind them those of the second terms.
  Rows<double> magnitude = sums, backward_magnitude = sums;
  magnitude.fill([](int64_t) { return 0; });
  backward_magnitude.fill([](int64_t) { return 0; });
  for (int64_t i = 0; i < p.pixels(); ++i)
    for (int c = 0; c < p.c; ++c) {
      const int64_t split = data.split_of(i);
      const double x = double(data.x.at(i, c));
      const double shift = double(data.x.at(split * p.sample_pixels, c)), d = std::abs(x - shift);
      magnitude.at(split, c) += d;
      magnitude.at(p.splits + split, c) += d * d + 2 * std::abs(shift) * d;
      const double g = std::abs(double(data.dy.at(i, c)));
      backward_magnitude.at(split, c) += g;
      backward_magnitude.at(p.splits + split, c) += g * (std::abs(x - data.mean_of(i, c)) + kEps);
    }
  const auto n = double(p.count());
  const auto bound = [&](const Rows<double>& terms) {
    return
        [&](int64_t i, int64_t c) { return kStripEps * terms.at(i, c) + n * n * 4 * kDoubleEps; };
  };
  const Case<P> typed{problem.name, p};
  for_runnable_on_devices(kSums, typed, [&](const BatchNormSumsKernel& kernel) {
    data.run(kernel);
    expect_within(data.sums, sums, bound(magnitude));
  });
  for_runnable_on_devices(kBackwardSums, typed, [&](const BatchNormBackwardSumsKernel& kernel) {
    data.run(kernel);
    expect_within(data.backward_sums, backward_sums, bound(backward_magnitude));
  });
}

TEST_P(BatchNormTraining, SumsOverStripsStayWithinTheirBound) {
  for_storage_types([&](auto type) { expect_strip_bound<decltype(type)>(GetParam()); });
}

// A few operations in double precision, that the device may fuse; running moments, dgamma and dbeta
// are rounded once more.
TEST_P(BatchNormTraining, MomentsAndParametersStayWithinTheRoundingBound) {
  Data<float> data(GetParam().problem);
  data.forward().backward();
  for (const bool of_batch : {true, false}) {
    Data<float> wanted = data;
    wanted.run(reference_of(kMoments), of_batch);
    for_runnable(kMoments, GetParam(), [&](const BatchNormMomentsKernel& kernel) {
      Data<float> found = data;
      found.run(kernel, of_batch);
      const auto double_error = [&](int64_t i, int64_t c) {
        // The difference of two values below 2 is off by eps of them.
        return 8 * kDoubleEps * (1 + std::pow(wanted.inverse_std.at(i, c), 3));
      };
      expect_within(found.mean, wanted.mean, double_error);
      expect_within(found.inverse_std, wanted.inverse_std, double_error);
      const auto running_error = [](int64_t, int64_t) { return 3 * kEps; };  // values below 3
      expect_within(found.running_mean, wanted.running_mean, running_error);
      expect_within(found.running_variance, wanted.running_variance, running_error);
      EXPECT_TRUE(found.mean.guards_intact());
      EXPECT_TRUE(found.inverse_std.guards_intact());
    });
  }
  const Data<float> wanted = data;
  for_runnable(kBackwardParameters, GetParam(),
               [&](const BatchNormBackwardParametersKernel& kernel) {
                 data.dgamma = data.dbeta = output<float>(1, data.p.c, data.p.c);
                 data.run(kernel);
                 const auto near = [&](const Rows<float>& rows) {
                   return [&](int64_t i, int64_t c) { return kEps * std::abs(rows.at(i, c)); };
                 };
                 expect_within(data.dgamma, wanted.dgamma, near(wanted.dgamma));
                 expect_within(data.dbeta, wanted.dbeta, near(wanted.dbeta));
                 EXPECT_TRUE(data.dgamma.guards_intact());
                 EXPECT_TRUE(data.dbeta.guards_intact());
               });
}

// One rounding each of x - centre, scale, shift, product and two sums.
TEST_P(BatchNormTraining, ApplyStaysWithinTheRoundingBound) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<double, T> exact(GetParam().problem);
    exact.forward();
    Data<T> found(GetParam().problem);
    found.mean = exact.mean;
    found.inverse_std = exact.inverse_std;
    for_runnable(kApply, {GetParam().name, found.p}, [&](const BatchNormApplyKernel& kernel) {
      found.run(kernel);
      EXPECT_TRUE(found.y.guards_intact());
      expect_within(found.y, exact.y, [&](int64_t i, int64_t c) {
        const double product =
            std::abs((exact.x.at(i, c) - exact.mean_of(i, c)) * exact.scale_of(i, c));
        const double shift = std::abs(exact.beta.at(0, c)) + kEps * std::abs(exact.scale_of(i, c));
        const double residual = found.p.residual ? std::abs(exact.residual.at(i, c)) : 0;
        const double bound = 3 * kEps * (product + shift + residual);
        return bound + rounding<T>(std::abs(exact.y.at(i, c)) + bound);
      });
    });
  });
}

// As above, for the three terms of a gradient.
TEST_P(BatchNormTraining, TheInputGradientStaysWithinTheRoundingBound) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<double, T> exact(GetParam().problem);
    exact.forward().backward();
    Data<T> found(GetParam().problem);
    found.mean = exact.mean;
    found.inverse_std = exact.inverse_std;
    found.backward_sums = exact.backward_sums;
    found.backward_count = exact.backward_count;
    found.y.fill([&](int64_t i) { return exact.y.at(i / found.p.c, i % found.p.c); });
    const auto n = double(exact.p.count());
    for_runnable(
        kBackwardApply, {GetParam().name, found.p},
        [&](const BatchNormBackwardApplyKernel& kernel) {
          found.run(kernel);
          EXPECT_TRUE(found.dx.guards_intact());
          expect_within(found.dx, exact.dx, [&](int64_t i, int64_t c) {
            const int64_t split = exact.split_of(i);
            const double scale = std::abs(exact.scale_of(i, c));
            const double deviation = std::abs(exact.x.at(i, c) - exact.mean_of(i, c)) + kEps;
            const double slope = std::pow(exact.inverse_std.at(split, c), 2) *
                                 std::abs(exact.backward_sums.at(exact.p.splits + split, c)) / n;
            const double shift = std::abs(exact.backward_sums.at(split, c)) / n;
            const double bound =
                3 * kEps * scale * (std::abs(exact.dy.at(i, c)) + deviation * slope + shift);
            return bound + rounding<T>(std::abs(exact.dx.at(i, c)) + bound);
          });
        });
  });
}

TEST_P(BatchNormTraining, HalfTypesRoundStoredValuesOnceAndNoOther) {
  for_half_types([&](auto type) {
    using T = decltype(type);
    Data<T> half(GetParam().problem);
    Data<float, T> single(GetParam().problem);
    half.forward();
    single.forward();
    expect_equal(half.mean, single.mean);
    expect_equal(half.inverse_std, single.inverse_std);
    expect_equal(half.running_variance, single.running_variance);
    expect_rounded(half.y, single.y);
    single.y.fill([&](int64_t i) { return half.y.at(i / half.p.c, i % half.p.c); });
    half.backward();
    single.backward();
    expect_equal(half.dgamma, single.dgamma);
    expect_equal(half.dbeta, single.dbeta);
    expect_rounded(half.dx, single.dx);
    if (half.p.residual) expect_rounded(half.dresidual, single.dresidual);
  });
}

TEST_P(BatchNormTraining, ThreadsAndTheWorkspaceChangeNoBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> data(GetParam().problem);
    data.forward().backward();
    Data<T> again = data;
    const auto expect_same = [&](auto table, auto& result, auto& wanted) {
      for_runnable(table, {GetParam().name, data.p}, [&](const auto& kernel) {
        data.run(kernel, 0xFF);
        again.run(kernel, 0);
        expect_equal(result, wanted);
#ifdef _OPENMP
        const int threads = omp_get_max_threads();
        omp_set_num_threads(threads == 1 ? 2 : 1);
        again.run(kernel);
        expect_equal(result, wanted);
        omp_set_num_threads(threads);
#endif
      });
    };
    expect_same(kSums, again.sums, data.sums);
    expect_same(kApply, again.y, data.y);
    expect_same(kBackwardSums, again.backward_sums, data.backward_sums);
    expect_same(kBackwardApply, again.dx, data.dx);
  });
}

TEST_P(BatchNormTraining, OutputsMayBeTheInputsThatTheHeaderNames) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    P p = GetParam().problem;
    p.y_pitch = p.dy_pitch = p.dx_pitch = p.residual_pitch;
    Data<T> apart(p);
    apart.forward().backward();
    Data<T> shared = apart;
    for_runnable(kApply, {GetParam().name, apart.p}, [&](const BatchNormApplyKernel& kernel) {
      if (!p.residual) return;
      apart.run(kernel);
      shared.y = shared.residual;
      BatchNormApplyArgs args = shared.apply_args();
      args.residual = args.y;
      run_kernel(kernel, apart.p, args);
      expect_equal(shared.y, apart.y);
    });
    for_runnable(kBackwardSums, {GetParam().name, apart.p},
                 [&](const BatchNormBackwardSumsKernel& kernel) {
                   if (!p.residual) return;
                   apart.run(kernel);
                   shared.dresidual = shared.dy;
                   BatchNormBackwardSumsArgs args = shared.backward_sums_args();
                   args.y = apart.relu() ? apart.y.data() : nullptr;
                   args.dy = args.dresidual;
                   run_kernel(kernel, apart.p, args);
                   expect_equal(shared.dresidual, apart.dresidual);
                   expect_equal(shared.backward_sums, apart.backward_sums);
                 });
    for_runnable(kBackwardApply, {GetParam().name, apart.p},
                 [&](const BatchNormBackwardApplyKernel& kernel) {
                   apart.run(kernel);
                   shared.dx = shared.dy;
                   BatchNormBackwardApplyArgs args = shared.backward_apply_args();
                   args.y = apart.relu() ? apart.y.data() : nullptr;
                   args.sums = apart.backward_sums.data();
                   args.count = apart.backward_count.data();
                   args.dy = args.dx;
                   run_kernel(kernel, apart.p, args);
                   expect_equal(shared.dx, apart.dx);
                 });
  });
}

}  // namespace
}  // namespace sf
