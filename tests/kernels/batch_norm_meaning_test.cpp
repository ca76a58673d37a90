// What the steps of a training batch normalisation compute, taken together.
#include <functional>

#include "tests/kernels/batch_norm_training.h"

namespace sf {
namespace {

using namespace sf::test;
using P = BatchNormTrainingProblem;
template <class T>
using Data = BatchNormTrainingData<T>;

class BatchNormMeaning : public ::testing::TestWithParam<Case<P>> {};
INSTANTIATE_TEST_SUITE_P(Cases, BatchNormMeaning, ::testing::ValuesIn(batch_norm_training_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(BatchNormMeaning, TheForwardStepsAreTheDefinition) {
  Data<double> data(GetParam().problem);
  const auto running_mean = data.running_mean, running_variance = data.running_variance;
  data.forward();
  const P& p = data.p;
  for (int split = 0; split < p.splits; ++split)
    for (int c = 0; c < p.c; ++c) {
      const auto for_pixels = [&](const std::function<void(int64_t)>& f) {
        for (int64_t i = 0; i < p.pixels(); ++i)
          if (i / p.sample_pixels % p.splits == split) f(i);
      };
      const auto n = double(p.count());
      double mean = 0, variance = 0;
      for_pixels([&](int64_t i) { mean += data.x.at(i, c) / n; });
      for_pixels([&](int64_t i) { variance += std::pow(data.x.at(i, c) - mean, 2) / n; });
      // A few thousand terms in double precision, on values of a few units.
      constexpr double kRounding = 1e-12;
      ASSERT_NEAR(data.mean.at(split, c), mean, kRounding);
      ASSERT_NEAR(data.inverse_std.at(split, c), 1 / std::sqrt(variance + p.epsilon),
                  kRounding * std::pow(variance + p.epsilon, -1.5));
      ASSERT_NEAR(data.running_mean.at(split, c),
                  (1 - p.momentum) * running_mean.at(split, c) + p.momentum * mean, kRounding);
      ASSERT_NEAR(data.running_variance.at(split, c),
                  (1 - p.momentum) * running_variance.at(split, c) +
                      p.momentum * variance * (p.bessel ? n / (n - 1) : 1),
                  kRounding);
      for_pixels([&](int64_t i) {
        double wanted =
            (data.x.at(i, c) - mean) / std::sqrt(variance + p.epsilon) * data.gamma.at(0, c) +
            data.beta.at(0, c);
        if (p.residual) wanted += data.residual.at(i, c);
        if (data.relu()) wanted = std::max(wanted, 0.0);
        ASSERT_NEAR(data.y.at(i, c), wanted, kRounding * std::pow(variance + p.epsilon, -1.5));
      });
    }
}

// A mean of 10^4 beside deviations of 1, where sums in single precision would leave no digit of the
// variance.
TEST_P(BatchNormMeaning, AMeanFarFromZeroCostsNoPrecision) {
  const auto far = [value = reals("x")](int64_t i) { return float(1e4 + 2 * value(i)); };
  Data<float> data(GetParam().problem);
  data.x.fill(far);
  const P& p = data.p;
  const auto n = double(p.count());
  const auto expect_moments = [&](double mean_error, double variance_error) {
    for (int split = 0; split < p.splits; ++split)
      for (int c = 0; c < p.c; ++c) {
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < p.pixels(); ++i)
          if (data.split_of(i) == split) mean += double(data.x.at(i, c)) / n;
        for (int64_t i = 0; i < p.pixels(); ++i)
          if (data.split_of(i) == split)
            variance += std::pow(double(data.x.at(i, c)) - mean, 2) / n;
        ASSERT_NEAR(data.mean.at(split, c), mean, mean_error);
        const double found = std::pow(data.inverse_std.at(split, c), -2) - p.epsilon;
        ASSERT_NEAR(found, variance, variance_error);
      }
  };
  const double mean_error = n * 1e4 * kDoubleEps, variance_error = n * 1e8 * kDoubleEps;
  for_runnable(kSums(Backend::cpu), GetParam(), [&](const BatchNormSumsKernel& kernel) {
    data.run(kernel);
    data.run(reference_of(kMoments));
    expect_moments(mean_error, variance_error);
  });
  // Deviations d from the first value are below 4. The sums of d and d^2 are within kStripEps of
  // those of their magnitudes; the variance is their mean square less the square of their mean.
  for_runnable_on_devices(kSums, GetParam(), [&](const BatchNormSumsKernel& kernel) {
    data.run(kernel);
    data.run(reference_of(kMoments));
    expect_moments(mean_error + kStripEps * 4, variance_error + kStripEps * (16 + 2 * 4 * 4));
  });
  for_runnable(kApply, GetParam(), [&](const BatchNormApplyKernel& kernel) {
    data.run(kernel);
    for (int64_t i = 0; i < p.pixels(); ++i)
      for (int c = 0; c < p.c; ++c) {
        double wanted = (double(data.x.at(i, c)) - data.mean_of(i, c)) * data.scale_of(i, c) +
                        double(data.beta.at(0, c));
        if (p.residual) wanted += double(data.residual.at(i, c));
        if (data.relu()) wanted = std::max(wanted, 0.0);
        // Deviations are below 4. The centre is off by up to eps/2 of the mean, 6e-4; the sum of
        // that and beta is rounded.
        ASSERT_NEAR(data.y.at(i, c), wanted, 3 * kEps * (4 * std::abs(data.scale_of(i, c)) + 2));
      }
  });
  data.run(reference_of(kBackwardSums));
  for_runnable(kBackwardApply, GetParam(), [&](const BatchNormBackwardApplyKernel& kernel) {
    data.run(kernel);
    for (int64_t i = 0; i < p.pixels(); ++i)
      for (int c = 0; c < p.c; ++c) {
        const int64_t split = data.split_of(i);
        const double g = data.relu() && data.y.at(i, c) <= 0 ? 0 : double(data.dy.at(i, c));
        const double slope = std::pow(data.inverse_std.at(split, c), 2) *
                             data.backward_sums.at(p.splits + split, c) / n;
        const double mean = data.backward_sums.at(split, c) / n;
        const double deviation = double(data.x.at(i, c)) - data.mean_of(i, c);
        const double scale = data.scale_of(i, c);
        const double magnitude = std::abs(scale) * (1 + 4 * std::abs(slope) + std::abs(mean));
        ASSERT_NEAR(data.dx.at(i, c), scale * (g - mean - deviation * slope), 3 * kEps * magnitude);
      }
  });
}

TEST_P(BatchNormMeaning, NanReachesItsOwnChannelAlone) {
  Data<float> clean(GetParam().problem);
  clean.forward();
  Data<float> data(GetParam().problem);
  const int64_t channel = data.p.c / 2;
  data.x.at(0, channel) = std::numeric_limits<float>::quiet_NaN();
  for_runnable(kSums, GetParam(), [&](const BatchNormSumsKernel& kernel) {
    data.run(kernel);
    data.run(reference_of(kMoments));
    for (const Backend backend : {Backend::cpu, Backend::simt})
      for (const auto& row : kApply(backend)) {
        if (!row.can_run(data.p)) continue;
        data.run(row);
        for (int64_t i = 0; i < data.p.pixels(); ++i)
          for (int64_t c = 0; c < data.p.c; ++c)
            ASSERT_EQ(std::isnan(data.y.at(i, c)), c == channel && data.split_of(i) == 0);
      }
  });
}

// d loss / d value with loss = sum of y dy, by central differences through all forward steps.
double numeric_gradient(Data<double>& data, double& value) {
  constexpr double kStep = 1e-5;
  const double middle = value;
  const auto loss = [&](double v) {
    value = v;
    data.forward();
    double sum = 0;
    for (int64_t i = 0; i < data.p.pixels(); ++i)
      for (int c = 0; c < data.p.c; ++c) sum += data.y.at(i, c) * data.dy.at(i, c);
    return sum;
  };
  const double gradient = (loss(middle + kStep) - loss(middle - kStep)) / (2 * kStep);
  value = middle;
  return gradient;
}

TEST(BatchNormGradient, EqualsCentralDifferences) {
  for (const bool residual : {false, true})
    for (const Activation activation : {Activation::none, Activation::relu})
      for (const int splits : {1, 2}) {
        Data<double> data({.samples = 4,
                           .sample_pixels = 3,
                           .c = 5,
                           .splits = splits,
                           .residual = residual,
                           .activation = activation,
                           .x_pitch = 5,
                           .y_pitch = 5,
                           .residual_pitch = 5,
                           .dy_pitch = 5,
                           .dx_pitch = 5});
        data.forward().backward();
        Data<double> moved = data;
        // Differences are off by step^2 times third derivatives of up to some hundred, and by the
        // rounding of the loss over the step, 1e-15 / 1e-5.
        constexpr double kError = 1e-7;
        for (int64_t i = 0; i < 12; ++i)
          for (int c = 0; c < 5; ++c) {
            ASSERT_NEAR(data.dx.at(i, c), numeric_gradient(moved, moved.x.at(i, c)), kError);
            if (!residual) continue;
            ASSERT_NEAR(data.dresidual.at(i, c), numeric_gradient(moved, moved.residual.at(i, c)),
                        kError);
          }
        for (int c = 0; c < 5; ++c) {
          ASSERT_NEAR(data.dgamma.at(0, c), numeric_gradient(moved, moved.gamma.at(0, c)), kError);
          ASSERT_NEAR(data.dbeta.at(0, c), numeric_gradient(moved, moved.beta.at(0, c)), kError);
        }
      }
}

TEST(BatchNormGradient, ConstantMomentsMakeItAScale) {
  Data<double> data(batch_norm_training_cases()[1].problem);
  const auto running_mean = data.running_mean, running_variance = data.running_variance;
  data.run(reference_of(kMoments), false);
  expect_equal(data.running_mean, running_mean);
  expect_equal(data.running_variance, running_variance);
  expect_equal(data.mean, running_mean);
  data.run(reference_of(kApply));
  BatchNormBackwardApplyArgs args = data.backward_apply_args();
  args.sums = nullptr;
  run_kernel(reference_of(kBackwardApply), data.p, args);
  for (int64_t i = 0; i < data.p.pixels(); ++i)
    for (int c = 0; c < data.p.c; ++c) {
      const double g = data.y.at(i, c) > 0 ? data.dy.at(i, c) : 0;
      ASSERT_EQ(data.dx.at(i, c), g * data.scale_of(i, c));
    }
}

// Replicas with two clips and with one that add their sums normalise as one with all three.
// Integers, so that sums are exact.
class BatchNormReplicas : public ::testing::TestWithParam<Backend> {};
INSTANTIATE_TEST_SUITE_P(Backends, BatchNormReplicas,
                         ::testing::Values(Backend::cpu, Backend::simt), [](const auto& info) {
                           return info.param == Backend::cpu ? "cpu" : "simt";
                         });

TEST_P(BatchNormReplicas, NormaliseOverAllBatches) {
  P p = batch_norm_training_cases()[1].problem;
  p.samples = 3;
  Data<float> whole(p);
  whole.x.fill(integers("x", 9));
  whole.dy.fill(integers("dy", 9));
  whole.forward();

  std::vector<Data<float>> replicas;
  std::vector<int64_t> first_pixel;
  for (const int64_t samples : {2, 1}) {
    first_pixel.push_back(replicas.empty() ? 0 : replicas.back().p.pixels());
    p.samples = samples;
    auto& replica = replicas.emplace_back(p);
    const auto part = [&, first = first_pixel.back()](auto& to, const auto& from) {
      to.fill([&](int64_t at) { return from.at(first + at / p.c, at % p.c); });
    };
    part(replica.x, whole.x);
    part(replica.dy, whole.dy);
    replica.run(kSums(GetParam())[0]);
  }
  const auto add = [&](Rows<double> Data<float>::*sums) {
    const Rows<double> a = replicas[0].*sums, b = replicas[1].*sums;
    for (auto& replica : replicas)
      (replica.*sums).fill([&](int64_t i) {
        return a.at(i / a.channels(), i % a.channels()) + b.at(i / a.channels(), i % a.channels());
      });
  };
  add(&Data<float>::sums);
  add(&Data<float>::count);
  for (auto& replica : replicas) {
    replica.run(reference_of(kMoments));
    replica.run(kApply(GetParam())[0]);
    // Whole numbers in the backward direction too.
    replica.mean.fill([](int64_t) { return 1; });
    replica.run(kBackwardSums(GetParam())[0]);
  }
  whole.run(kApply(GetParam())[0]);
  whole.mean.fill([](int64_t) { return 1; });
  whole.run(kBackwardSums(GetParam())[0]);
  whole.run(kBackwardApply(GetParam())[0]);
  add(&Data<float>::backward_sums);
  add(&Data<float>::backward_count);
  for (size_t i = 0; i < replicas.size(); ++i) {
    auto& replica = replicas[i];
    replica.run(kBackwardApply(GetParam())[0]);
    expect_equal(replica.running_mean, whole.running_mean);
    expect_equal(replica.running_variance, whole.running_variance);
    for (int64_t at = 0; at < replica.p.pixels(); ++at)
      for (int c = 0; c < p.c; ++c) {
        ASSERT_EQ(replica.y.at(at, c), whole.y.at(first_pixel[i] + at, c));
        ASSERT_EQ(replica.dx.at(at, c), whole.dx.at(first_pixel[i] + at, c));
      }
  }
}

}  // namespace
}  // namespace sf
