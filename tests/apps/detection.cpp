// Boxes of clips on their way through inference and training.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "apps/engine/precise_batch_norm.h"
#include "apps/engine/stored_batch.h"
#include "apps/engine/train_step.h"
#include "dist/thread_group.h"
#include "kernels/base/cuda/runtime.h"
#include "models/loss.h"
#include "models/weights.h"
#include "tests/apps/golden.h"
#include "tests/error_of.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

class Detection : public testing::Test {
 protected:
  explicit Detection(DType dtype = DType::f32) : model(make_model(golden.config, dtype)) {
    fill_counter_weights(*model);
    clips = golden.batch(dtype);
  }

  Inference network(const InferenceOptions& options = {.max_batch = 2}) const {
    return {*model, clips[0][0].shape()[1], options};
  }
  // A clip with the given boxes, of all that there are.
  std::vector<Tensor> clip(size_t i, const std::vector<int>& boxes) const {
    std::vector<Tensor> one = clips[i];
    const auto corners = one.back().span<float>();
    std::vector<float> chosen;
    for (const int k : boxes)
      chosen.insert(chosen.end(), corners.begin() + ptrdiff_t(k) * 4,
                    corners.begin() + ptrdiff_t(k) * 4 + 4);
    one.back() = Tensor::from(chosen, {std::ssize(boxes), 4});
    return one;
  }
  // Scores of one box of a clip alone.
  std::vector<float> alone(size_t i, int box) const {
    const Tensor scores = network().run({clip(i, {box})}).scores;
    EXPECT_EQ(scores.shape(), Shape({1, 80}));
    return {scores.span<float>().begin(), scores.span<float>().end()};
  }
  // Kernels may block their sums otherwise for other batches: some roundings of a probability.
  static void expect_rows(const Tensor& scores, const std::vector<std::vector<float>>& wanted) {
    ASSERT_EQ(scores.shape(), Shape({std::ssize(wanted), 80}));
    for (size_t i = 0; i < wanted.size(); ++i)
      EXPECT_LT(difference(scores.span<float>().subspan(i * 80, 80), wanted[i]), 1e-6) << i;
  }
  void expect_rooms_grow(Device device) const;

  SmallCase golden{"ava_slow_r50"};
  std::unique_ptr<Model> model;
  std::vector<std::vector<Tensor>> clips;
};

TEST_F(Detection, ScoresAreThoseOfTheClipsOwnBoxes) {
  const auto a = alone(0, 0), b = alone(0, 1), c = alone(1, 0), d = alone(1, 1);
  EXPECT_GT(difference(a, c), 1e-4);
  EXPECT_GT(difference(a, b), 1e-4);
  Inference together = network();
  // Two chunks of two clips and one clip.
  const auto result =
      together.run({clip(0, {1}), clip(1, {1, 0, 1}), clip(0, {}), clip(1, {0}), clip(0, {1, 0})});
  expect_rows(result.scores, {b, d, c, d, c, b, a});
}

TEST_F(Detection, ClipsWithoutBoxesGiveNoScores) {
  const auto result = network().run({clip(0, {}), clip(1, {}), clip(1, {})});
  EXPECT_EQ(result.scores.shape(), Shape({0, 80}));
  EXPECT_EQ(result.logits.shape(), Shape({0, 80}));
}

// What was started before the room grew is finished with it.
void Detection::expect_rooms_grow(Device device) const {
  const auto a = alone(0, 0), b = alone(0, 1), d = alone(1, 1);
  Inference growing = network({.device = device, .max_batch = 2});
  growing.start({clip(0, {1}), clip(1, {1})});
  growing.start({clip(0, std::vector<int>(21, 1)), clip(0, {0})});
  growing.start({clip(1, {1})});
  expect_rows(growing.finish().scores, {b, d});
  std::vector<std::vector<float>> many(21, b);
  many.push_back(a);
  expect_rows(growing.finish().scores, many);
  expect_rows(growing.finish().scores, {d});
}

TEST_F(Detection, RoomGrowsWithTheBoxesOfAClip) { expect_rooms_grow({}); }

class CudaDetection : public Detection {};

TEST_F(CudaDetection, RoomGrowsWithTheBoxesOfAClip) {
  if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  expect_rooms_grow({.backend = Backend::cuda});
}

// As PrecisionSlow has it for classifiers: each of some fifty layers rounds by half a unit.
TEST_F(Detection, LogitsInBf16AreTheOriginalsRounded) {
  for (const Backend backend : {Backend::cpu, Backend::simt}) {
    const auto result =
        network({.device = {.backend = backend}, .max_batch = 2, .half = DType::bf16}).run(clips);
    const double found = relative_difference(result.logits.span<float>(),
                                             golden.file.at("eval.logits").span<float>());
    EXPECT_LT(found, 5 * 0x1p-8);
    EXPECT_GT(found, 0x1p-8 / 16);  // the type took part
  }
}

TEST_F(Detection, WrongBoxesAreNamed) {
  Inference one = network();
  const auto run = [&](const Tensor& boxes) {
    auto clip = clips[0];
    clip.back() = boxes;
    return error_of([&] { one.run({clip}); });
  };
  EXPECT_EQ(error_of([&] { one.run({{clips[0][0]}}); }),
            "network: wanted 1 pathways and boxes, found 1");
  EXPECT_EQ(run(Tensor({{3, 5}, DType::f32})),
            "network: wanted boxes K x 4 of f32, found f32[3 5]");
  EXPECT_EQ(run(Tensor({{3, 4}, DType::f64})),
            "network: wanted boxes K x 4 of f32, found f64[3 4]");
}

TEST_F(Detection, WrongStoredBoxesAreNamed) {
  const auto read = [&](const Tensor& boxes) {
    Safetensors file = golden.file;
    std::erase_if(file.tensors, [](const auto& t) { return t.first == "boxes"; });
    if (boxes) file.tensors.emplace_back("boxes", boxes);
    return error_of([&] { read_inputs(file, "x.safetensors", *model); });
  };
  const auto one = [&](float clip) { return Tensor::from<float>({clip, 0, 0, 9, 9}, {1, 5}); };
  EXPECT_EQ(read(one(1)), "");
  EXPECT_EQ(read(one(2)), "x.safetensors: boxes: wanted ascending clips below 2, found 2 in row 0");
  for (const float clip : {-1.0F, 0.5F, std::nanf("")})
    EXPECT_NE(read(one(clip)).find("wanted ascending clips below 2"), std::string::npos);
  EXPECT_EQ(read(Tensor::from<float>({1, 0, 0, 9, 9, 0, 0, 0, 9, 9}, {2, 5})),
            "x.safetensors: boxes: wanted ascending clips below 2, found 0 in row 1");
  EXPECT_EQ(read(Tensor({{5, 4}, DType::f32})),
            "x.safetensors: boxes: wanted f32 K x 5, found f32[5 4]");
  EXPECT_EQ(read(Tensor({{1, 5}, DType::f64})),
            "x.safetensors: boxes: wanted f32 K x 5, found f64[1 5]");
  EXPECT_EQ(read({}), "x.safetensors: wanted a tensor boxes, found none");
}

class DetectionTraining : public Detection {
 protected:
  DetectionTraining() : Detection(DType::f64) {
    inputs = read_inputs(golden.file, golden.name, *model);
    targets = read_safetensors(golden_dir() / "small" / "ava_slow_r50.train.safetensors")
                  .at("train.labels");
  }

  std::unique_ptr<TrainStep> step(int64_t box_room) {
    fill_counter_weights(*model);
    optimizer = std::make_unique<Optimizer>(*model, golden.config);
    optimizer->set_learning_rate(0.001);
    optimizer->set_step(1);
    return std::make_unique<TrainStep>(
        *model, *optimizer, golden.config,
        TrainStepOptions{.batch = 2, .crop = 64, .box_room = box_room, .keep_gradients = true});
  }

  std::vector<Tensor> inputs;
  Tensor targets;
  std::unique_ptr<Optimizer> optimizer;
};

// Neither loss nor gradients see rows that fill up the room. Sums may be blocked otherwise.
TEST_F(DetectionTraining, RoomChangesNothingButRoundings) {
  std::vector<TrainStep::Result> results;
  std::vector<NamedTensors> gradients;
  for (const int64_t room : {3, 20}) {
    const auto one = step(room);
    results.push_back(one->run(inputs, targets, 1));
    gradients.push_back(one->gradients());
    EXPECT_EQ(results.back().logits.shape(), Shape({5, 80}));
  }
  EXPECT_NEAR(results[0].loss, results[1].loss, 1e-14);
  ASSERT_EQ(gradients[0].size(), gradients[1].size());
  for (size_t i = 0; i < gradients[0].size(); ++i) {
    const auto a = gradients[0][i].second.span<double>(), b = gradients[1][i].second.span<double>();
    for (size_t e = 0; e < a.size(); ++e)
      ASSERT_NEAR(a[e], b[e], 1e-9 * (1 + std::abs(a[e]))) << gradients[0][i].first;
  }
}

// Each rank has one of the clips, with other numbers of boxes, and other room.
TEST_F(DetectionTraining, RanksTakeTheMeanOverTheBoxesOfAll) {
  const HangGuard guard;
  Config config = golden.config;
  config.set("BN.NORM_TYPE", "sync_batchnorm");
  config.set("BN.GLOBAL_SYNC", "True");
  config.set("MODEL.DROPOUT_RATE", "0");
  const auto rows_of = [&](const Tensor& all, int64_t first, int64_t count) {
    const int64_t row = all.numel() / all.shape()[0];
    Shape shape = all.shape();
    shape.set(0, count);
    const auto values = all.span<double>().subspan(size_t(first * row), size_t(count * row));
    return Tensor::from(std::vector(values.begin(), values.end()), shape);
  };
  const Tensor shares = targets.to(DType::f64);
  const auto boxes = inputs.back().span<double>();
  int64_t of_first = 0;
  while (boxes[size_t(5 * of_first)] == 0) ++of_first;
  ASSERT_NE(2 * of_first, inputs.back().shape()[0]);
  struct Found {
    double loss;
    NamedTensors gradients;
  };
  const auto run = [&](int ranks) {
    Found found;
    run_thread_group(ranks, [&](const auto& world) {
      const auto network = make_model(config, DType::f64);
      fill_counter_weights(*network);
      const Optimizer optimizer(*network, config);
      const TrainingRanks group = training_ranks(config, world);
      std::vector<Tensor> mine = inputs;
      Tensor wanted = shares;
      if (ranks == 2) {
        const int64_t first = group.rank() * of_first;
        const int64_t count = group.leads() ? of_first : inputs.back().shape()[0] - of_first;
        for (size_t p = 0; p + 1 < mine.size(); ++p) mine[p] = rows_of(inputs[p], group.rank(), 1);
        mine.back() = rows_of(inputs.back(), first, count);
        for (int64_t k = 0; k < count; ++k) mine.back().span<double>()[size_t(5 * k)] = 0;
        wanted = rows_of(shares, first, count);
      }
      TrainStep step(*network, optimizer, config,
                     {.batch = 2 / ranks,
                      .crop = 64,
                      .box_room = 4 + group.rank(),
                      .keep_gradients = true,
                      .ranks = group});
      const double loss = step.run(mine, wanted, 1).loss;
      const auto gradients = step.gradients();
      if (group.leads()) found = {loss, gradients};
      world->barrier();
    });
    return found;
  };
  const Found one = run(1), two = run(2);
  EXPECT_NEAR(two.loss, one.loss, 1e-12);  // sums in another order
  for (size_t i = 0; i < one.gradients.size(); ++i) {
    const auto a = one.gradients[i].second.span<double>(),
               b = two.gradients[i].second.span<double>();
    for (size_t e = 0; e < a.size(); ++e)
      ASSERT_NEAR(a[e], b[e], 1e-9 * (1 + std::abs(a[e]))) << one.gradients[i].first;
  }
}

TEST_F(DetectionTraining, ABatchWithoutRoomOrBoxesIsNamed) {
  const auto two = step(1);  // room for two boxes
  EXPECT_EQ(error_of([&] { two->run(inputs, targets, 1); }),
            "boxes: wanted at most 2 rows, found [5 5]");
  inputs.back() = Tensor({{0, 5}, DType::f64});
  EXPECT_EQ(error_of([&] {
              two->run(inputs, Tensor({{0, 80}, DType::f32}), 1);
            }),
            "training: wanted targets of at least one box, found boxes [0 5] and targets [0 80]");
}

TEST_F(DetectionTraining, LossesOfClassesAreRefused) {
  Config config = golden.config;
  config.set("MODEL.LOSS_FUNC", "cross_entropy");
  Graph graph;
  const Value scores = graph.input("scores", {{5, 80}, DType::f32});
  EXPECT_EQ(error_of([&] { training_loss(config, scores, scores); }),
            "MODEL.LOSS_FUNC: DETECTION.ENABLE wanted bce or bce_logit, found 'cross_entropy'");
}

// Statistics are those of the same network with another head.
TEST_F(DetectionTraining, PreciseStatisticsDoNotSeeBoxes) {
  Config config = golden.config;
  config.set("DETECTION.ENABLE", "False");
  const auto classifier = make_model(config, DType::f64);
  fill_counter_weights(*classifier);
  for (const Model* measured : {model.get(), classifier.get()}) {
    int left = 1;
    measure_batch_norm(*measured, 2, {}, {}, [&] {
      return left-- > 0 ? std::optional(std::vector{inputs[0]}) : std::nullopt;
    });
  }
  int compared = 0;
  for (size_t i = 0; i < model->parameters().size(); ++i) {
    const Parameter &a = model->parameters()[i], &b = classifier->parameters()[i];
    ASSERT_EQ(a.name, b.name);
    if (a.name.find("running") == std::string::npos) continue;
    EXPECT_TRUE(std::ranges::equal(a.tensor.span<double>(), b.tensor.span<double>())) << a.name;
    ++compared;
  }
  EXPECT_EQ(compared, 106);
}

}  // namespace
}  // namespace sf
