#include "apps/engine/multigrid.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kernels/base/error.h"

namespace sf {
namespace {

// Python's round: half to even.
int64_t round_even(double x) { return int64_t(std::nearbyint(x)); }

struct Shape3 {
  int64_t batch, frames;
  double crop;
};

// The shapes that batches of one stage take in turn, the stage's own last.
std::vector<Shape3> cycle_shapes(const Config& c, const std::vector<double>& factors) {
  SF_CHECK(factors.size() == 2, "MULTIGRID.LONG_CYCLE_FACTORS: wanted pairs of factors, found ",
           factors.size());
  const auto full_frames = c.get<int64_t>("DATA.NUM_FRAMES");
  const auto full_crop = c.get<int64_t>("DATA.TRAIN_CROP_SIZE");
  const int64_t frames = round_even(double(full_frames) * factors[0]);
  std::vector<double> crops;
  if (c.get<bool>("MULTIGRID.SHORT_CYCLE"))
    for (double f : c.get<std::vector<double>>("MULTIGRID.SHORT_CYCLE_FACTORS"))
      crops.push_back(double(full_crop) * f);
  crops.push_back(double(round_even(double(full_crop) * factors[1])));
  const double size = double(full_frames) * double(full_crop) * double(full_crop);
  std::vector<Shape3> shapes;
  for (double crop : crops) {
    SF_CHECK(frames > 0 && crop >= 1,
             "MULTIGRID.LONG_CYCLE_FACTORS: wanted frames and pixels, found ", frames,
             " frames of ", crop, " pixels");
    shapes.push_back({round_even(size / (double(frames) * crop * crop)), frames, crop});
  }
  return shapes;
}

std::string list(const auto& values) { return fmt::format("[{}]", fmt::join(values, ", ")); }

}  // namespace

std::vector<MultigridStage> multigrid_stages(const Config& config) {
  if (!config.get<bool>("MULTIGRID.LONG_CYCLE")) return {};
  const auto steps = config.get<std::vector<double>>("SOLVER.STEPS");
  SF_CHECK(
      steps.size() > 1 && config.get<std::string>("SOLVER.LR_POLICY") == "steps_with_relative_lrs",
      "MULTIGRID.LONG_CYCLE: wanted SOLVER.LR_POLICY steps_with_relative_lrs with at least two "
      "SOLVER.STEPS, found ",
      steps.size());
  std::vector<Shape3> own;
  std::vector<double> mean_batch;
  for (const auto& factors :
       config.get<std::vector<std::vector<double>>>("MULTIGRID.LONG_CYCLE_FACTORS")) {
    const auto shapes = cycle_shapes(config, factors);
    own.push_back(shapes.back());
    mean_batch.push_back(
        std::accumulate(shapes.begin(), shapes.end(), 0.0,
                        [](double sum, const Shape3& s) { return sum + double(s.batch); }) /
        double(shapes.size()));
  }
  SF_CHECK(!own.empty(), "MULTIGRID.LONG_CYCLE_FACTORS: wanted at least one pair, found none");

  struct Part {
    int step;
    Shape3 shape;
    double epochs;
  };
  std::vector<Part> parts;
  const double all_batches = std::accumulate(mean_batch.begin(), mean_batch.end(), 0.0);
  double iterations = 0;
  for (size_t s = 0; s + 1 < steps.size(); ++s)
    for (size_t i = 0; i < own.size(); ++i) {
      const double epochs = (steps[s + 1] - steps[s]) * mean_batch[i] / all_batches;
      iterations += epochs / mean_batch[i];
      parts.push_back({int(s), own[i], epochs});
    }
  // The last step saves as many iterations as the others.
  const auto max_epoch = config.get<double>("SOLVER.MAX_EPOCH");
  const double saving = steps.back() / iterations;
  parts.push_back(
      {int(steps.size()) - 1, own.back(), (max_epoch - steps.back()) / saving * mean_batch.back()});

  double all_epochs = 0;
  for (const Part& p : parts) all_epochs += p.epochs;
  const double stretch = max_epoch * config.get<double>("MULTIGRID.EPOCH_FACTOR") / all_epochs;
  std::vector<MultigridStage> stages;
  double end = 0;
  for (const Part& p : parts) {
    end += p.epochs * stretch;
    stages.push_back({.step = p.step,
                      .batch_factor = p.shape.batch,
                      .frames = p.shape.frames,
                      .crop = int64_t(p.shape.crop),
                      .end_epoch = round_even(end)});
  }
  return stages;
}

Config with_multigrid_schedule(const Config& config, const std::vector<MultigridStage>& stages) {
  Config run = config;
  const auto set = [&](const char* key, const std::string& value) { run.set(key, value); };
  const bool short_cycle = config.get<bool>("MULTIGRID.SHORT_CYCLE");
  if (stages.empty() && !short_cycle) return run;
  set("MULTIGRID.DEFAULT_B", fmt::to_string(config.get<int64_t>("TRAIN.BATCH_SIZE")));
  set("MULTIGRID.DEFAULT_T", fmt::to_string(config.get<int64_t>("DATA.NUM_FRAMES")));
  set("MULTIGRID.DEFAULT_S", fmt::to_string(config.get<int64_t>("DATA.TRAIN_CROP_SIZE")));
  if (stages.empty()) {
    const double factor = config.get<double>("MULTIGRID.EPOCH_FACTOR");
    std::vector<int64_t> steps;
    for (double s : config.get<std::vector<double>>("SOLVER.STEPS"))
      steps.push_back(int64_t(s * factor));
    set("SOLVER.STEPS", list(steps));
    set("SOLVER.MAX_EPOCH",
        fmt::to_string(int64_t(config.get<double>("SOLVER.MAX_EPOCH") * factor)));
    return run;
  }
  const double gamma = config.get<double>("SOLVER.GAMMA");
  std::vector<int64_t> steps{0};
  std::vector<double> rates;
  for (const MultigridStage& s : stages) {
    steps.push_back(s.end_epoch);
    rates.push_back(std::pow(gamma, s.step) * double(s.batch_factor));
  }
  // The last stage has two learning rates: that before it, then its own.
  const size_t last = steps.size() - 1;
  steps[last] = (steps[last - 1] + steps[last]) / 2;
  if (rates.size() > 1)
    rates.insert(rates.end() - 1, rates[rates.size() - 2]);
  else
    rates.push_back(rates[0]);
  set("SOLVER.STEPS", list(steps));
  set("SOLVER.LRS", list(rates));
  set("SOLVER.MAX_EPOCH", fmt::to_string(stages.back().end_epoch));
  return run;
}

Config stage_config(const Config& run, const MultigridStage& stage, int64_t ranks) {
  Config c = run;
  const int64_t batch = stage.batch_factor * run.get<int64_t>("MULTIGRID.DEFAULT_B");
  const int64_t devices = ranks > 0 ? ranks : std::max<int64_t>(run.get<int64_t>("NUM_GPUS"), 1);
  c.set("DATA.NUM_FRAMES", fmt::to_string(stage.frames));
  c.set("DATA.TRAIN_CROP_SIZE", fmt::to_string(stage.crop));
  c.set("TRAIN.BATCH_SIZE", fmt::to_string(batch));
  const double share = double(batch) / double(devices) / run.get<double>("MULTIGRID.BN_BASE_SIZE");
  if (share > 1) {
    c.set("BN.NORM_TYPE", "sub_batchnorm");
    c.set("BN.NUM_SPLITS", fmt::to_string(int64_t(share)));
  } else if (share < 1) {
    c.set("BN.NORM_TYPE", "sync_batchnorm");
    c.set("BN.NUM_SYNC_DEVICES", fmt::to_string(int64_t(1 / share)));
  } else {
    c.set("BN.NORM_TYPE", "batchnorm");
  }
  c.set("MULTIGRID.LONG_CYCLE_SAMPLING_RATE",
        fmt::to_string(run.get<int64_t>("DATA.SAMPLING_RATE") *
                       (run.get<int64_t>("MULTIGRID.DEFAULT_T") / stage.frames)));
  return c;
}

}  // namespace sf
