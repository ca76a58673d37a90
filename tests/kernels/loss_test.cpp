#include "kernels/loss/binary_cross_entropy.h"
#include "kernels/loss/cross_entropy.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

const auto kCrossEntropy = cross_entropy_kernels(Backend::cpu);
const auto kCrossEntropyBackward = cross_entropy_backward_kernels(Backend::cpu);
const auto kBinary = binary_cross_entropy_kernels(Backend::cpu);
const auto kBinaryBackward = binary_cross_entropy_backward_kernels(Backend::cpu);
const double kNan = std::numeric_limits<double>::quiet_NaN();

template <class T>
struct Softmax {
  CrossEntropyProblem p;
  Rows<T> x, targets, weights, dx;
  VisibleVector<int64_t> labels;
  bool soft = false, weighted = false;
  Visible<T> loss = T(0), dloss = T(1);

  explicit Softmax(CrossEntropyProblem problem)
      : p(problem),
        x(input<T>(p.rows, p.classes, p.x_pitch)),
        targets(input<T>(p.rows, p.classes, p.targets_pitch)),
        weights(input<T>(1, p.classes, p.classes)),
        dx(output<T>(p.rows, p.classes, p.dx_pitch)) {
    p.dtype = dtype_of<T>;
    x.fill([value = reals("x")](int64_t i) { return 4 * value(i); });
    targets.fill([value = reals("t")](int64_t i) { return std::abs(value(i)); });
    weights.fill([value = reals("w")](int64_t i) { return 1.5 + value(i); });
    const auto label = integers("label", 1000);
    for (int64_t i = 0; i < p.rows; ++i) labels.push_back((int64_t(label(i)) + 1000) % p.classes);
  }
  Softmax& run() { return run(kCrossEntropy[0], kCrossEntropyBackward[0]); }
  Softmax& run(const CrossEntropyKernel& forward, const CrossEntropyBackwardKernel& backward) {
    const int64_t* label = soft ? nullptr : labels.data();
    const void *t = soft ? targets.data() : nullptr, *w = weighted ? weights.data() : nullptr;
    run_kernel(forward, p,
               {.x = x.data(), .labels = label, .targets = t, .weights = w, .loss = loss.data()});
    run_kernel(backward, p,
               {.x = x.data(),
                .labels = label,
                .targets = t,
                .weights = w,
                .dloss = dloss.data(),
                .dx = dx.data()});
    return *this;
  }
};

template <class T>
struct Binary {
  BinaryCrossEntropyProblem p;
  Rows<T> x, targets, dx;
  Visible<int64_t> rows_used;
  Visible<T> loss = T(0), dloss = T(1);

  explicit Binary(BinaryCrossEntropyProblem problem)
      : p(problem),
        x(input<T>(p.rows, p.cols, p.x_pitch)),
        targets(input<T>(p.rows, p.cols, p.targets_pitch)),
        dx(output<T>(p.rows, p.cols, p.dx_pitch)),
        rows_used(p.rows) {
    p.dtype = dtype_of<T>;
    x.fill([value = reals("x"), this](int64_t i) {
      return p.logits ? 4 * value(i) : 0.5 + 0.4375 * value(i);
    });
    targets.fill([value = reals("t")](int64_t i) { return float(0.5 + 0.5 * value(i)); });
  }
  Binary& run() { return run(kBinary[0], kBinaryBackward[0]); }
  Binary& run(const BinaryCrossEntropyKernel& forward,
              const BinaryCrossEntropyBackwardKernel& backward) {
    run_kernel(forward, p,
               {.x = x.data(),
                .targets = targets.data(),
                .rows_used = rows_used.data(),
                .loss = loss.data()});
    run_kernel(backward, p,
               {.x = x.data(),
                .targets = targets.data(),
                .rows_used = rows_used.data(),
                .dloss = dloss.data(),
                .dx = dx.data()});
    return *this;
  }
};

template <class T>
void expect_gradient(const Rows<T>& dx, const std::vector<double>& wanted, double error) {
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto at = int64_t(i);
    EXPECT_NEAR(dx.at(at / dx.channels(), at % dx.channels()), wanted[i],
                error * std::max(1.0, std::abs(wanted[i])))
        << i;
  }
}

// The numbers of the following tests are PyTorch 1.13's, in double precision with 15 digits.
constexpr double kDigits = 1e-14;
constexpr CrossEntropyProblem kThreeRows{
    .rows = 3, .classes = 4, .x_pitch = 5, .targets_pitch = 4, .dx_pitch = 6};
constexpr double kLogits[] = {0.5, -1.25, 2, 0, 3, 0.25, -0.75, 1, -2, 1.5, 0.5, -0.5};

Softmax<double> three_rows(const std::vector<int64_t>& labels) {
  Softmax<double> data(kThreeRows);
  data.x.fill([](int64_t i) { return kLogits[i]; });
  data.weights.fill([](int64_t i) { return std::array{1.0, 0.5, 2.0, 0.25}[size_t(i)]; });
  data.labels.assign(labels.begin(), labels.end());
  return data;
}

TEST(CrossEntropyValues, LabelsGivePyTorchsNumbers) {
  Softmax<double> data = three_rows({2, 0, 3});
  data.run();
  EXPECT_NEAR(data.loss, 0.987707227957812, kDigits);
  expect_gradient(data.dx,
                  {0.0532311833440361, 0.0092501926442268, -0.0947677207392052, 0.0322863447509423,
                   -0.0607306651220765, 0.0174269055379874, 0.00641100027066231, 0.0368927593134268,
                   0.00656431133072783, 0.217380136514617, 0.0799696831427692, -0.303914130988114},
                  kDigits);
  EXPECT_TRUE(data.dx.guards_intact());
}

TEST(CrossEntropyValues, WeightsAndSmoothingGivePyTorchsNumbers) {
  Softmax<double> data = three_rows({2, 0, 3});
  data.weighted = true;
  data.p.label_smoothing = 0.1;
  data.run();
  EXPECT_NEAR(data.loss, 0.582951242360463, kDigits);
  expect_gradient(
      data.dx,
      {0.0853598954994784, 0.0123238944492349, -0.152199727215265, 0.0545159372665511,
       -0.0345548601215972, 0.0121396806569615, -0.00950375552095015, 0.0319189349855857,
       -0.00576088531999739, 0.0601137709360316, 0.00814492600162247, -0.0624978116176566},
      kDigits);
}

TEST(CrossEntropyValues, IgnoredRowsGivePyTorchsNumbers) {
  Softmax<double> data = three_rows({2, -100, 3});
  data.weighted = true;
  data.p.label_smoothing = 0.25;
  data.run();
  EXPECT_NEAR(data.loss, 0.772025843610051, kDigits);
  expect_gradient(
      data.dx,
      {0.0953193337053057, 0.00750218160088559, -0.170539243098301, 0.0677177277921097, 0, 0, 0, 0,
       -0.0240853526542434, 0.108387437900583, -0.0105726087877479, -0.073729476458592},
      kDigits);
}

TEST(CrossEntropyValues, TargetsGivePyTorchsNumbers) {
  Softmax<double> data = three_rows({});
  data.soft = true;
  const double targets[] = {0.7, 0.1, 0.3, 0, 0, 1, 0, 0, 0.5, 0, 0, 0.25};
  data.targets.fill([&](int64_t i) { return targets[i]; });
  data.run();
  EXPECT_NEAR(data.loss, 2.42156589936299, kDigits);
  expect_gradient(data.dx,
                  {-0.174779031654894, -0.0231581214246839, 0.162422173853541, 0.0355149792260366,
                   0.272602668211257, -0.315906427795346, 0.00641100027066231, 0.0368927593134268,
                   -0.161743433168621, 0.163035102385963, 0.0599772623570769, -0.0612689315744189},
                  kDigits);
}

TEST(CrossEntropyValues, NothingToAverageAndNoSuchClassAreNan) {
  EXPECT_TRUE(std::isnan(three_rows({-100, -100, -100}).run().loss));
  for (const int64_t label : {-1, 4}) {
    Softmax<double> data = three_rows({2, label, 3});
    EXPECT_TRUE(std::isnan(data.run().loss));
    EXPECT_TRUE(std::isnan(data.dx.at(1, 0)));
  }
}

TEST(CrossEntropyValues, LargeLogitsDoNotOverflow) {
  Softmax<float> data({.classes = 3, .x_pitch = 3, .targets_pitch = 3, .dx_pitch = 3});
  const float x[] = {3e38F, -3e38F, 0};
  data.x.fill([&](int64_t i) { return x[i]; });
  data.labels = {0};
  data.run();
  EXPECT_EQ(data.loss, 0);
  for (int64_t c = 0; c < 3; ++c) EXPECT_EQ(data.dx.at(0, c), 0);
}

TEST(BinaryCrossEntropyValues, ProbabilitiesGivePyTorchsNumbers) {
  Binary<double> data({.rows = 2, .cols = 4, .x_pitch = 5, .targets_pitch = 4, .dx_pitch = 6});
  const double x[] = {0, 1, 0.25, 0.875, 1e-7, 0.5, 1, 0}, t[] = {1, 0, 1, 0.25, 0, 1, 1, 0};
  data.x.fill([&](int64_t i) { return x[i]; });
  data.targets.fill([&](int64_t i) { return t[i]; });
  data.run();
  EXPECT_NEAR(data.loss, 25.459050705762, 1e-13);
  // PyTorch holds 1e-12 in single precision, which the first two values show.
  expect_gradient(data.dx,
                  {-125000000499.475, 125000000499.475, -0.5, 0.714285714285714, 0.125000012500001,
                   -0.25, 0, 0},
                  kEps / 2);
  EXPECT_TRUE(data.dx.guards_intact());
}

TEST(BinaryCrossEntropyValues, LogitsGivePyTorchsNumbers) {
  Binary<double> data(
      {.rows = 2, .cols = 4, .logits = true, .x_pitch = 4, .targets_pitch = 5, .dx_pitch = 4});
  const double x[] = {-200, 200, 0, 0.75, -3, 30, 1, -0.5}, t[] = {1, 0, 1, 0.25, 0, 1, 1, 0};
  data.x.fill([&](int64_t i) { return x[i]; });
  data.targets.fill([&](int64_t i) { return t[i]; });
  data.run();
  EXPECT_NEAR(data.loss, 50.3098055262434, 1e-13);
  expect_gradient(data.dx,
                  {-0.125, 0.125, -0.0625, 0.0536473373969241, 0.00592823414719585,
                   -1.16850973341798e-14, -0.0336176776712494, 0.0471925835997682},
                  kDigits);
}

TEST(BinaryCrossEntropyValues, NoRowsAndNoProbabilitiesAreNan) {
  Binary<double> data({.rows = 2, .cols = 3, .x_pitch = 3, .targets_pitch = 3, .dx_pitch = 3});
  data.rows_used = 0;
  EXPECT_TRUE(std::isnan(data.run().loss));
  data.rows_used = 2;
  for (const double bad : {-0.5, 1.5, kNan}) {
    data.x.at(0, 0) = bad;
    EXPECT_TRUE(std::isnan(data.run().loss)) << bad;
  }
}

TEST(BinaryCrossEntropyValues, RowsThatAreNotUsedCountForNothing) {
  for (const bool logits : {false, true}) {
    BinaryCrossEntropyProblem p{
        .rows = 5, .cols = 7, .logits = logits, .x_pitch = 7, .targets_pitch = 7, .dx_pitch = 7};
    Binary<float> padded(p);
    padded.rows_used = 3;
    p.rows = 3;
    Binary<float> alone(p);
    for (int64_t c = 0; c < 7; ++c) padded.x.at(3, c) = padded.x.at(4, c) = float(kNan);
    padded.run();
    EXPECT_EQ(padded.loss, alone.run().loss);
    for (int64_t i = 0; i < 5; ++i)
      for (int64_t c = 0; c < 7; ++c)
        EXPECT_EQ(padded.dx.at(i, c), i < 3 ? alone.dx.at(i, c) : 0.0F);
  }
}

// The gradient for dloss = 3 equals three times the central difference of the loss: step^2 times
// third derivatives below 10, and rounding of the loss over the step.
template <class Data>
void expect_central_differences(Data data) {
  data.dloss = 3;
  data.run();
  Data moved = data;
  constexpr double kStep = 1e-5;
  for (int64_t i = 0; i < data.x.rows(); ++i)
    for (int64_t c = 0; c < data.x.channels(); ++c) {
      double& x = moved.x.at(i, c);
      const double middle = x;
      x = middle + kStep;
      const double above = moved.run().loss;
      x = middle - kStep;
      const double below = moved.run().loss;
      x = middle;
      ASSERT_NEAR(data.dx.at(i, c), 3 * (above - below) / (2 * kStep), 1e-8) << i << ", " << c;
    }
}

TEST(LossGradient, EqualsCentralDifferences) {
  for (const double smoothing : {0.0, 0.3})
    for (const bool weighted : {false, true}) {
      Softmax<double> data({.rows = 4,
                            .classes = 7,
                            .label_smoothing = smoothing,
                            .x_pitch = 9,
                            .targets_pitch = 8,
                            .dx_pitch = 7});
      data.weighted = weighted;
      expect_central_differences(data);
    }
  Softmax<double> soft({.rows = 4, .classes = 7, .x_pitch = 9, .targets_pitch = 8, .dx_pitch = 7});
  soft.soft = true;
  expect_central_differences(soft);
  for (const bool logits : {false, true})
    expect_central_differences(Binary<double>(
        {.rows = 4, .cols = 7, .logits = logits, .x_pitch = 9, .targets_pitch = 8, .dx_pitch = 7}));
}

// What is computed in double precision from the same values differs by its last rounding.
template <class Single, class Double>
void expect_one_rounding(Single single, Double exact) {
  exact.x.fill(
      [&](int64_t i) { return single.x.at(i / exact.x.channels(), i % exact.x.channels()); });
  single.run();
  exact.run();
  EXPECT_EQ(single.loss, float(exact.loss));
  for (int64_t i = 0; i < exact.dx.rows(); ++i)
    for (int64_t c = 0; c < exact.dx.channels(); ++c)
      ASSERT_EQ(single.dx.at(i, c), float(exact.dx.at(i, c)));
}

TEST(LossPrecision, SinglePrecisionIsRoundedOnce) {
  const CrossEntropyProblem p{
      .rows = 9, .classes = 400, .x_pitch = 400, .targets_pitch = 401, .dx_pitch = 402};
  expect_one_rounding(Softmax<float>(p), Softmax<double>(p));
  for (const bool logits : {false, true}) {
    const BinaryCrossEntropyProblem q{.rows = 9,
                                      .cols = 80,
                                      .logits = logits,
                                      .x_pitch = 80,
                                      .targets_pitch = 81,
                                      .dx_pitch = 82};
    expect_one_rounding(Binary<float>(q), Binary<double>(q));
  }
}

// Sums in double precision in another order: at most the last rounding differs.
template <class Data, class Forward, class Backward>
void expect_the_reference(const Data& data, const Forward& forward, const Backward& backward) {
  for (const unsigned seed : {0, 1, 2}) {
    const simt::ScopedSeed scoped(seed);
    Data wanted = data, found = data;
    wanted.run();
    found.run(forward, backward);
    EXPECT_NEAR(found.loss, wanted.loss, kEps * std::abs(wanted.loss));
    EXPECT_TRUE(found.dx.guards_intact());
    expect_within(found.dx, wanted.dx,
                  [&](int64_t i, int64_t c) { return kEps * std::abs(wanted.dx.at(i, c)); });
  }
}

TEST(LossOnTheExecutor, EqualsTheReferenceButForTheLastRounding) {
  const auto forward = cross_entropy_kernels(Backend::simt)[0];
  const auto backward = cross_entropy_backward_kernels(Backend::simt)[0];
  for (const double smoothing : {0.0, 0.1})
    for (const bool weighted : {false, true})
      for (const bool soft : {false, true}) {
        Softmax<float> data({.rows = 11,
                             .classes = 400,
                             .label_smoothing = soft ? 0 : smoothing,
                             .x_pitch = 401,
                             .targets_pitch = 402,
                             .dx_pitch = 403});
        data.weighted = weighted && !soft;
        data.soft = soft;
        if (!soft) data.labels[4] = data.p.ignored;
        data.dloss = 0.75F;
        expect_the_reference(data, forward, backward);
      }
  Softmax<float> wrong({.rows = 3, .classes = 5, .x_pitch = 5, .targets_pitch = 5, .dx_pitch = 5});
  wrong.labels[1] = 5;
  EXPECT_TRUE(std::isnan(wrong.run(forward, backward).loss));
  for (const bool logits : {false, true}) {
    Binary<float> data({.rows = 9,
                        .cols = 80,
                        .logits = logits,
                        .x_pitch = 80,
                        .targets_pitch = 81,
                        .dx_pitch = 82});
    data.rows_used = 7;
    expect_the_reference(data, binary_cross_entropy_kernels(Backend::simt)[0],
                         binary_cross_entropy_backward_kernels(Backend::simt)[0]);
  }
}

}  // namespace
}  // namespace sf
