#include "apps/engine/training_start.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "apps/engine/checkpointer.h"
#include "models/weights.h"
#include "tests/apps/golden.h"
#include "tests/apps/log_lines.h"
#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

// A narrow network with its optimizer, in a run whose OUTPUT_DIR is a folder of its own.
struct TinyRun {
  explicit TinyRun(const fs::path& output_dir, const std::vector<std::string>& settings = {}) {
    const SmallCase golden("slow_r50");
    config = golden.config;
    config.set("RNG_SEED", "1");
    config.merge_pairs(settings);
    config.set("OUTPUT_DIR", output_dir.string());
    model = make_model(config);
    groups.resize(2);
    for (const Parameter& p : model->parameters()) {
      if (!p.trainable) continue;
      groups[p.norm ? 0 : 1].push_back(p);
      optimizer.emplace_back(p.name + "/momentum_buffer", Tensor::zeros(p.tensor.type()));
    }
  }

  // Values that depend on names and `salt`.
  void fill(const std::string& salt) const {
    for (const NamedTensors& tensors : {tensors_of(*model), optimizer})
      for (const auto& [name, tensor] : tensors) {
        const auto values = counter_uniform(salt + name, tensor.numel(), -1, 1);
        tensor.copy_from(Tensor::from(values, tensor.shape()));
      }
  }

  TrainingState state(int64_t epochs, int64_t iterations = 0) const {
    TrainingState state;
    state.model = tensors_of(*model);
    state.optimizer = optimizer;
    state.epochs = epochs;
    state.iterations = iterations;
    state.next_batch = 2 * iterations;
    state.optimizer_steps = 100 * epochs + iterations;
    state.seed = 1;
    state.notes["meter"] = "here";
    return state;
  }

  void save(const TrainingState& state) const {
    Checkpointer checkpointer(config, false);
    checkpointer.save(state);
    ASSERT_TRUE(checkpointer.finish());
  }

  TrainingStart start() const {
    return start_training(config, find_start_file(config), *model, optimizer, groups);
  }

  Config config;
  std::unique_ptr<Model> model;
  NamedTensors optimizer;
  std::vector<std::vector<Parameter>> groups;
};

// In the parameters and in the optimizer.
int different_tensors(const TinyRun& a, const TinyRun& b) {
  int count = 0;
  const auto compare = [&](const NamedTensors& x, const NamedTensors& y) {
    ASSERT_EQ(x.size(), y.size());
    for (size_t i = 0; i < x.size(); ++i)
      count += std::memcmp(x[i].second.data(), y[i].second.data(),
                           size_t(x[i].second.type().bytes())) != 0;
  };
  compare(tensors_of(*a.model), tensors_of(*b.model));
  compare(a.optimizer, b.optimizer);
  return count;
}

double largest(const NamedTensors& tensors) {
  double most = 0;
  for (const auto& [name, tensor] : tensors)
    for (const float v : tensor.span<float>()) most = std::max(most, double(std::abs(v)));
  return most;
}

bool has_line(const std::vector<std::string>& lines, const std::string& wanted) {
  return std::ranges::any_of(lines,
                             [&](const auto& l) { return l.find(wanted) != std::string::npos; });
}

TEST(TrainingStart, GoesOnWhereTheRunStopped) {
  const TemporaryFolder folder;
  LogLines log;
  const TinyRun before(folder.path()), after(folder.path());
  before.fill("old");
  before.save(before.state(3));
  before.fill("new");
  before.save(before.state(3, 25));
  log.take();
  const TrainingStart start = after.start();
  EXPECT_EQ(different_tensors(before, after), 0);
  EXPECT_TRUE(start.resumed);
  EXPECT_TRUE(start.path.ends_with("checkpoint_epoch_00003_iter_000025.sf")) << start.path;
  EXPECT_EQ(start.state.epochs, 3);
  EXPECT_EQ(start.state.iterations, 25);
  EXPECT_EQ(start.state.next_batch, 50);
  EXPECT_EQ(start.state.optimizer_steps, 325);
  EXPECT_EQ(start.state.notes.at("meter"), "here");
  EXPECT_TRUE(start.state.model.empty() && start.state.optimizer.empty());
  const auto lines = log.take();
  EXPECT_EQ(lines.front(), "info: Load from last checkpoint.");
  EXPECT_EQ(lines.back(), "info: Start epoch: 4");
  EXPECT_FALSE(has_line(lines, "warning"));
}

TEST(TrainingStart, DamagedCheckpointsArePassedOverWithTheReason) {
  const TemporaryFolder folder;
  LogLines log;
  const TinyRun before(folder.path()), after(folder.path());
  const fs::path checkpoints = folder / "checkpoints";
  before.fill("a");
  before.save(before.state(1));
  for (const int epoch : {2, 3, 4}) before.save(before.state(epoch));
  const auto damage = [&](const char* name, const auto& change) {
    std::string bytes = read_bytes(checkpoints / name);
    change(bytes);
    write_bytes(checkpoints / name, bytes);
  };
  damage("checkpoint_epoch_00002.sf", [](auto& b) { b.clear(); });
  damage("checkpoint_epoch_00003.sf", [](auto& b) { b[b.size() / 2] ^= 4; });
  damage("checkpoint_epoch_00004.sf", [](auto& b) { b.resize(b.size() - 1000); });
  log.take();
  const TrainingStart start = after.start();
  EXPECT_EQ(start.state.epochs, 1);
  EXPECT_EQ(different_tensors(before, after), 0);
  const auto lines = log.take();
  ASSERT_GT(lines.size(), 4u);
  const auto expect_reason = [&](const std::string& line, const char* name, const char* reason) {
    const std::string beginning =
        cat("warning: A checkpoint is passed over: ", (checkpoints / name).string(), ": ");
    EXPECT_TRUE(line.starts_with(beginning)) << line;
    EXPECT_NE(line.find(reason), std::string::npos) << line;
  };
  expect_reason(lines[0], "checkpoint_epoch_00004.sf", "wanted a file of ");
  expect_reason(lines[1], "checkpoint_epoch_00003.sf", "CRC-32C wanted ");
  expect_reason(lines[2], "checkpoint_epoch_00002.sf", "");
  EXPECT_EQ(lines[3], "info: Load from last checkpoint.");

  // With none whole the run starts as with none.
  damage("checkpoint_epoch_00001.sf", [](auto& b) { b.resize(10); });
  const TrainingStart fresh = TinyRun(folder.path()).start();
  EXPECT_FALSE(fresh.resumed);
  EXPECT_EQ(fresh.path, "");
}

TEST(TrainingStart, GoesOnFromCheckpointsOfTheOriginal) {
  const TemporaryFolder folder;
  LogLines log;
  const TinyRun run(folder.path());
  fs::create_directory(folder / "checkpoints");
  fs::copy(golden_dir() / "slow_r50/checkpoint.pyth",
           folder / "checkpoints/checkpoint_epoch_00008.pyth");
  const TrainingStart start = run.start();
  EXPECT_TRUE(start.resumed);
  EXPECT_EQ(start.state.epochs, 8);
  EXPECT_EQ(start.state.iterations, 0);
  EXPECT_EQ(start.state.seed, 1u);
}

TEST(TrainingStart, WithoutAutoResumeTheFolderDoesNotCount) {
  const TemporaryFolder folder;
  LogLines log;
  const TinyRun before(folder.path());
  before.fill("a");
  before.save(before.state(3));
  const TrainingStart start = TinyRun(folder.path(), {"TRAIN.AUTO_RESUME", "False"}).start();
  EXPECT_FALSE(start.resumed);
  EXPECT_EQ(start.state.epochs, 0);
  EXPECT_EQ(log.take().back(), "info: Start epoch: 1");
}

TEST(TrainingStart, AnotherNetworkInTheFolderIsOneLine) {
  const TemporaryFolder folder;
  LogLines log;
  const TinyRun before(folder.path());
  before.save(before.state(3));
  EXPECT_EQ(error_of([&] {
              TinyRun(folder.path(), {"MODEL.NUM_CLASSES", "7"}).start();
            }),
            cat((folder / "checkpoints/checkpoint_epoch_00003.sf").string(),
                ": wanted a checkpoint of this network (head.projection.weight wanted [7 256], "
                "found [40 256]); choose another OUTPUT_DIR or set TRAIN.AUTO_RESUME False"));
}

TEST(TrainingStart, AnotherSeedIsTold) {
  const TemporaryFolder folder;
  LogLines log;
  const TinyRun before(folder.path());
  before.save(before.state(3));
  EXPECT_EQ(TinyRun(folder.path(), {"RNG_SEED", "5"}).start().state.seed, 5u);
  EXPECT_TRUE(has_line(log.take(), "warning: RNG_SEED is 5, but "));
}

// TRAIN.CHECKPOINT_FILE_PATH.
class TrainingStartAtFile : public testing::Test {
 protected:
  TrainingStartAtFile() : source(folder / "first") {
    source.fill("a");
    source.save(source.state(3));
    path = (folder / "first/checkpoints/checkpoint_epoch_00003.sf").string();
    log.take();
  }

  TinyRun run(std::vector<std::string> settings = {}) const {
    settings.insert(settings.end(), {"TRAIN.CHECKPOINT_FILE_PATH", path});
    return TinyRun(folder / "second", settings);
  }

  TemporaryFolder folder;
  LogLines log;
  TinyRun source;
  std::string path;
};

TEST_F(TrainingStartAtFile, GoesOnWithEpochAndOptimizer) {
  const TinyRun next = run();
  const TrainingStart start = next.start();
  EXPECT_EQ(different_tensors(source, next), 0);
  EXPECT_FALSE(start.resumed);
  EXPECT_EQ(start.path, path);
  EXPECT_EQ(start.state.epochs, 3);
  EXPECT_EQ(start.state.optimizer_steps, 300);
  EXPECT_EQ(log.take().front(), "info: Load from given checkpoint file.");
}

TEST_F(TrainingStartAtFile, EpochResetTakesTheWeightsAlone) {
  const TinyRun next = run({"TRAIN.CHECKPOINT_EPOCH_RESET", "True"});
  const TrainingStart start = next.start();
  EXPECT_EQ(different_tensors(source, next), int(next.optimizer.size()));
  EXPECT_EQ(largest(next.optimizer), 0);
  EXPECT_EQ(start.state.epochs, 0);
  EXPECT_EQ(start.state.optimizer_steps, 0);
  EXPECT_TRUE(start.state.notes.empty());
}

TEST_F(TrainingStartAtFile, AnotherHeadStartsAnewByItself) {
  const TinyRun next = run({"MODEL.NUM_CLASSES", "7"});
  const TrainingStart start = next.start();
  EXPECT_EQ(start.state.epochs, 0);
  EXPECT_EQ(start.state.optimizer_steps, 0);
  EXPECT_EQ(largest(next.optimizer), 0);
  const auto lines = log.take();
  EXPECT_TRUE(
      has_line(lines, cat("info: ", path,
                          " is of another network (head.projection.weight wanted [7 256], found "
                          "[40 256]): the epochs start at 1 and the optimizer anew.")));
  EXPECT_TRUE(has_line(lines, "Network weights head.projection.weight not loaded"));
}

TEST_F(TrainingStartAtFile, AStaleEpochIsExplained) {
  run({"SOLVER.MAX_EPOCH", "4"}).start();
  EXPECT_FALSE(has_line(log.take(), "warning"));
  run({"SOLVER.MAX_EPOCH", "3"}).start();
  EXPECT_TRUE(has_line(log.take(),
                       cat("warning: ", path,
                           " stands behind epoch 3, and SOLVER.MAX_EPOCH is 3: nothing is left to "
                           "train. To train with its weights from epoch 1 on, set "
                           "TRAIN.CHECKPOINT_EPOCH_RESET True.")));
}

TEST_F(TrainingStartAtFile, NamesAreCleared) {
  TrainingState prefixed = source.state(2);
  for (auto& [name, tensor] : prefixed.model) name.insert(0, "backbone.");
  save_checkpoint(path, to_checkpoint(prefixed));
  const TinyRun next = run({"TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN", "('backbone.',)"});
  EXPECT_EQ(next.start().state.epochs, 2);
  EXPECT_EQ(different_tensors(source, next), 0);
}

TEST_F(TrainingStartAtFile, OptimizerTensorsThatDoNotFitAreToldAndDropped) {
  TrainingState state = source.state(3);
  state.optimizer[4].second = Tensor::zeros({{3, 3}, DType::f32});
  state.optimizer.pop_back();
  save_checkpoint(path, to_checkpoint(state));
  const TinyRun next = run();
  const TrainingStart start = next.start();
  EXPECT_EQ(different_tensors(source, next), 2);
  EXPECT_EQ(start.state.optimizer_steps, 300);
  const auto lines = log.take();
  const auto& [name, tensor] = next.optimizer[4];
  EXPECT_TRUE(has_line(lines, cat("info: Optimizer tensor ", name, " not loaded: wanted ",
                                  tensor.shape(), ", found [3 3].")));
  EXPECT_TRUE(has_line(lines, cat(next.optimizer.size() - 2, " of ", next.optimizer.size(),
                                  " optimizer tensors loaded.")));
}

TEST_F(TrainingStartAtFile, AnOptimizerOfPyTorchComesByPlace) {
  Checkpoint checkpoint = to_checkpoint(source.state(3));
  checkpoint.text.erase("training");
  const std::map<std::string, Tensor> named(source.optimizer.begin(), source.optimizer.end());
  checkpoint.optimizer.clear();
  for (const auto& group : source.groups)
    for (const Parameter& p : group)
      checkpoint.optimizer.emplace_back(cat(checkpoint.optimizer.size(), ".momentum_buffer"),
                                        named.at(p.name + "/momentum_buffer"));
  const size_t first = source.groups[0].size(), all = checkpoint.optimizer.size();
  const auto described = [](size_t a, size_t b) {
    return cat(R"([{"begin": 0, "end": )", a, R"(}, {"begin": )", a, R"(, "end": )", b, "}]");
  };
  checkpoint.text["param_groups"] = described(first, all);
  save_checkpoint(path, checkpoint);
  const TinyRun next = run();
  EXPECT_EQ(next.start().state.optimizer_steps, 1);
  EXPECT_EQ(different_tensors(source, next), 0);

  // Groups of another network: the weights and the epoch count, the optimizer does not.
  checkpoint.text["param_groups"] = described(first - 1, all);
  save_checkpoint(path, checkpoint);
  log.take();
  const TinyRun other = run();
  const TrainingStart start = other.start();
  EXPECT_EQ(start.state.epochs, 3);
  EXPECT_EQ(start.state.optimizer_steps, 0);
  EXPECT_EQ(largest(other.optimizer), 0);
  EXPECT_TRUE(
      has_line(log.take(), cat("warning: The optimizer starts anew: ", path, ": optimizer: ")));
}

TEST_F(TrainingStartAtFile, AFileThatCannotBeReadIsOneLine) {
  fs::remove(path);
  EXPECT_TRUE(error_of([&] { run().start(); }).starts_with(path + ": "));
  save_checkpoint(path, {});
  EXPECT_TRUE(error_of([&] {
                run().start();
              }).starts_with(path + ": wanted weights of this network, found none of its "));
}

}  // namespace
}  // namespace sf
