// Steps of training that several ranks take together, each with a part of the batch.
#pragma once

#include <cmath>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "apps/engine/setup.h"
#include "apps/engine/train_step.h"
#include "dist/thread_group.h"
#include "models/weights.h"
#include "tensor/crc32c.h"
#include "tests/apps/golden.h"

namespace sf {

inline constexpr int64_t kClips = 4, kCrop = 32;

// A small SlowFast with dropout; batch norm over all ranks.
inline Config small_config(const std::vector<std::string>& more = {}) {
  std::istringstream words(
      "MODEL.NUM_CLASSES 5 MODEL.DROPOUT_RATE 0.5 RESNET.DEPTH 18 RESNET.NUM_BLOCK_TEMP_KERNEL "
      "[[2,2],[2,2],[2,2],[2,2]] RESNET.WIDTH_PER_GROUP 4 SLOWFAST.BETA_INV 2 DATA.NUM_FRAMES 4 "
      "SLOWFAST.ALPHA 2 DATA.TRAIN_CROP_SIZE 32 BN.NORM_TYPE sync_batchnorm BN.GLOBAL_SYNC True "
      "SF.DEVICE cpu SF.GRADIENT_BUCKET 0.02");
  std::vector<std::string> pairs;
  for (std::string word; words >> word;) pairs.push_back(word);
  pairs.insert(pairs.end(), more.begin(), more.end());
  return Config::load(std::string(SF_SOURCE_DIR) + "/configs/synthetic/SLOWFAST_TINY.yaml", pairs);
}

// Clips first .. first + count of the batch of that number.
inline std::vector<Tensor> clips_of_batch(const Model& model, int64_t number, int64_t first,
                                          int64_t count) {
  std::vector<Tensor> pathways;
  for (TensorType type : model.inputs(kClips, kCrop)) {
    const auto all =
        counter_uniform(cat("clip", pathways.size(), ".", number), type.shape.numel(), -2, 2);
    const int64_t clip = type.shape.numel() / kClips;
    type.shape.set(0, count);
    pathways.push_back(Tensor::from(
        std::vector(all.begin() + first * clip, all.begin() + (first + count) * clip), type.shape));
  }
  return pathways;
}

inline Tensor labels_of_batch(int64_t number, int64_t first, int64_t count) {
  std::vector<int64_t> labels;
  for (int64_t i = first; i < first + count; ++i) labels.push_back((3 * number + i) % 5);
  return Tensor::from(labels, {count});
}

// What a rank remembers of its steps.
struct Course {
  std::vector<double> losses, norms;
  std::vector<uint32_t> parameters;  // a checksum of all behind each step
  std::vector<std::string> sums;     // the kernels of the steps that start sums
};

inline Course train(const Config& config, int64_t steps, const std::shared_ptr<ProcessGroup>& world,
                    const std::function<void(TrainStepOptions&)>& change = {}) {
  const DType dtype = parse_dtype(config.get<std::string>("SF.DTYPE"));
  const auto model = make_model(config, dtype);
  model->initialise(uint64_t(config.get<int64_t>("RNG_SEED")));
  Optimizer optimizer(*model, config);
  const TrainingRanks ranks = training_ranks(config, world);
  const int64_t part = kClips / ranks.size(), first = ranks.rank() * part;
  TrainStepOptions options = train_step_options(config, part, device_of(config), ranks);
  if (change) change(options);
  TrainStep step(*model, optimizer, config, options);
  Course course;
  for (const auto& s : step.plan().steps())
    if (s.op->name() == "start_sum") course.sums.push_back(s.lowered.kernel);
  optimizer.set_learning_rate(0.01);
  for (int64_t i = 0; i < steps; ++i) {
    if ((i + 1) % options.accumulate == 0) optimizer.set_step(optimizer.step() + 1);
    const auto result = step.run(clips_of_batch(*model, i, first, part),
                                 labels_of_batch(i, first, part), (int64_t{3} << 32) + i);
    course.losses.push_back(result.loss);
    course.norms.push_back(result.gradient_norm);
    uint32_t sum = 0;
    for (const Parameter& p : model->parameters()) {
      const Tensor tensor = p.tensor.to(Device{});
      sum = crc32c({tensor.data(), size_t(tensor.type().bytes())}, sum);
    }
    course.parameters.push_back(sum);
  }
  return course;
}

// By rank.
inline std::vector<Course> train_together(
    const Config& config, int64_t steps, int ranks,
    const std::function<void(TrainStepOptions&)>& change = {}) {
  std::vector<Course> courses(static_cast<size_t>(ranks));
  run_thread_group(ranks, [&](const auto& world) {
    courses[size_t(world->rank())] = train(config, steps, world, change);
  });
  return courses;
}

inline double farthest(const std::vector<double>& found, const std::vector<double>& wanted) {
  EXPECT_EQ(found.size(), wanted.size());
  double most = 0;
  for (size_t i = 0; i < found.size(); ++i)
    most = std::max(most, std::abs(found[i] - wanted[i]) / std::max(std::abs(wanted[i]), 1e-30));
  return most;
}

inline void expect_alike(const std::vector<Course>& courses) {
  for (const Course& course : courses) {
    EXPECT_EQ(course.losses, courses[0].losses);
    EXPECT_EQ(course.norms, courses[0].norms);
    EXPECT_EQ(course.parameters, courses[0].parameters);
  }
}

inline double farthest_loss(const Course& found, const Course& wanted) {
  return farthest(found.losses, wanted.losses);
}

}  // namespace sf
