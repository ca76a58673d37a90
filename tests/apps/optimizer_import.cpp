#include "apps/engine/optimizer_import.h"

#include <cstdlib>
#include <map>

#include <gtest/gtest.h>

#include "apps/engine/stored_batch.h"
#include "apps/engine/train_step.h"
#include "models/weights.h"
#include "tests/apps/golden.h"
#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

Parameter parameter(const char* name, Shape shape) {
  return {.name = name, .tensor = Tensor::zeros({shape, DType::f32}), .init = {}};
}

// Every value of the tensor is the number, so that it can be told from others.
Tensor filled(Shape shape, float value) {
  Tensor t({shape, DType::f32});
  for (float& v : t.span<float>()) v = value;
  return t;
}

std::vector<std::vector<Parameter>> three_groups() {
  return {{parameter("a.bn.weight", {5}), parameter("a.bn.bias", {5})},
          {parameter("a.weight", {5, 1, 3, 3, 2}), parameter("head.weight", {7, 5})},
          {}};
}

Checkpoint four_buffers() {
  Checkpoint c;
  c.text["param_groups"] =
      R"([{"begin": 0, "end": 2, "lr": 0.1}, {"begin": 2, "end": 4}, {"begin": 4, "end": 4}])";
  c.optimizer = {{"0.momentum_buffer", filled({5}, 10)},
                 {"1.momentum_buffer", filled({5}, 11)},
                 {"3.momentum_buffer", filled({7, 5}, 13)},
                 {"2.momentum_buffer", filled({5, 1, 3, 3, 2}, 12)}};
  return c;
}

TEST(OptimizerImport, PlacesBecomeNames) {
  const ImportedOptimizer imported = import_optimizer(four_buffers(), three_groups());
  std::map<std::string, float> found;
  for (const auto& [name, tensor] : imported.tensors) found[name] = tensor.span<float>()[0];
  EXPECT_EQ(found, (std::map<std::string, float>{{"a.bn.weight/momentum_buffer", 10},
                                                 {"a.bn.bias/momentum_buffer", 11},
                                                 {"a.weight/momentum_buffer", 12},
                                                 {"head.weight/momentum_buffer", 13}}));
  EXPECT_EQ(imported.steps, 1);
}

TEST(OptimizerImport, AdamBringsItsSteps) {
  Checkpoint c = four_buffers();
  c.optimizer.clear();
  for (int i = 0; i < 2; ++i) {
    c.optimizer.emplace_back(cat(i, ".step"), Tensor::from(std::vector<int64_t>{41 + i}, {}));
    c.optimizer.emplace_back(cat(i, ".exp_avg"), filled({5}, 1));
    c.optimizer.emplace_back(cat(i, ".exp_avg_sq"), filled({5}, 2));
  }
  const ImportedOptimizer imported = import_optimizer(c, three_groups());
  ASSERT_EQ(imported.tensors.size(), 4u);
  EXPECT_EQ(imported.tensors[1].first, "a.bn.weight/exp_avg_sq");
  EXPECT_EQ(imported.tensors[1].second.span<float>()[0], 2);
  EXPECT_EQ(imported.steps, 42);
}

TEST(OptimizerImport, WhatDoesNotFitIsOneLine) {
  const auto error_with = [](const auto& change) {
    Checkpoint c = four_buffers();
    change(c);
    return error_of([&] { import_optimizer(c, three_groups()); });
  };
  const auto groups = [&](const char* text) {
    return error_with([&](Checkpoint& c) { c.text["param_groups"] = text; });
  };
  const auto tensor = [&](const char* name, Shape shape) {
    return error_with([&](Checkpoint& c) { c.optimizer[0] = {name, filled(shape, 1)}; });
  };
  EXPECT_EQ(groups(R"([{"begin": 0, "end": 4}])"),
            "optimizer: wanted groups of [2, 2] parameters, found [4]");
  EXPECT_EQ(groups(R"([{"begin": 0, "end": 2}, {"begin": 2, "end": 4}, {"begin": 4, "end": 5}])"),
            "optimizer: wanted groups of [2, 2] parameters, found [2, 2, 1]");
  EXPECT_EQ(groups("[3]"), "optimizer: wanted 'end' of each group");
  EXPECT_EQ(groups("{}"), "optimizer: wanted a list of groups, found object");
  EXPECT_EQ(tensor("0.momentum_buffer", {6}),
            "optimizer tensor 0.momentum_buffer: wanted the [5] of a.bn.weight, found [6]");
  EXPECT_EQ(tensor("4.momentum_buffer", {5}),
            "optimizer tensor 4.momentum_buffer: wanted a parameter below 4");
  EXPECT_EQ(tensor("momentum_buffer", {5}),
            "optimizer tensor momentum_buffer: wanted a parameter below 4");
  EXPECT_EQ(tensor("0.step", {2}), "optimizer: wanted one number of steps, found f32[2]");
  EXPECT_EQ(error_with([](Checkpoint& c) { c.text.clear(); }),
            "optimizer: wanted 'param_groups', found none");
}

// The original's own two steps more behind its checkpoint of three. The file holds float32, the
// steps were computed in float64.
TEST(OptimizerImport, TrainingGoesOnAsTheOriginalDoes) {
  const char* folder = std::getenv("SF_REFERENCE_DIR");
  if (!folder || !*folder) GTEST_SKIP() << "SF_REFERENCE_DIR names no folder of reference data";
  const auto of_case = std::filesystem::path(folder) / "small" / "slow_r50";
  const SmallCase golden("slow_r50", of_case / "reference.safetensors");
  const auto model = make_model(golden.config, DType::f64);
  Optimizer optimizer(*model, golden.config);
  std::vector<std::vector<Parameter>> groups;
  for (const ParameterGroup& group : optimizer.groups()) groups.push_back(group.parameters);

  const Checkpoint checkpoint = load_checkpoint(of_case / "checkpoint_after3.pyth");
  load_weights(*model, checkpoint.tensors);
  const ImportedOptimizer imported = import_optimizer(checkpoint, groups);
  EXPECT_EQ(imported.tensors.size(), optimizer.state().size());
  const std::map<std::string, Tensor> momentum(imported.tensors.begin(), imported.tensors.end());
  for (const auto& [name, tensor] : optimizer.state())
    tensor.copy_from(momentum.at(name).to(DType::f64));

  const auto pathways = read_pathways(golden.file, golden.name, *model);
  TrainStep step(*model, optimizer, golden.config,
                 {.batch = pathways[0].shape()[0], .crop = pathways[0].shape()[2]});
  optimizer.set_learning_rate(0.001);
  const auto wanted = golden.file.at("resume.losses").span<double>();
  ASSERT_EQ(wanted.size(), 2u);
  for (int i = 0; i < 2; ++i) {
    optimizer.set_step(imported.steps + 1 + i);
    const double loss = step.run(pathways, golden.file.at("train.labels"), i).loss;
    EXPECT_NEAR(loss, wanted[size_t(i)], 1e-6 * wanted[size_t(i)]) << i;
  }
}

}  // namespace
}  // namespace sf
