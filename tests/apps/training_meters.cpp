#include "apps/engine/training_meters.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/apps/log_lines.h"
#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

constexpr MemoryUse kMemory{.ram = 1.5, .ram_total = 64};

Config config_in(const TemporaryFolder& folder, const std::vector<std::string>& settings) {
  Config config;
  config.merge_pairs(settings);
  config.set("OUTPUT_DIR", folder.path().string());
  return config;
}

// Five iterations of an epoch, the last with fewer clips.
std::vector<TrainMeter::Iteration> five_iterations() {
  return {{4, 2.5, {75, 25}, 0.1, 3.25, 0.5, 0.125, 0.375},
          {4, 2.25, {50, 25}, 0.1, 2.5, 0.25, 0.0625, 0.1875},
          {4, 2.0, {100, 50}, 0.0999, 1.75, 0.75, 0.25, 0.5},
          {4, 1.75, {25, 0}, 0.0998, 1.5, 0.5, 0.25, 0.25},
          {3, 1.5, {100.0 / 3, 0}, 0.0997, 1.25, 1.25, 1.0, 0.25}};
}

// What the formulas of the original give for them.
const std::vector<std::string> kTrainLines{
    R"(info: json_stats: {"_type": "train_iter_", "dt": 0.25000, "dt_data": 0.06250, "dt_net": 0.18750, "epoch": "1/3", "eta": "0:00:03", "gpu_mem": "0.00G", "grad_norm": 2.50000, "iter": "2/5", "loss": 2.37500, "lr": 0.10000, "top1_err": 62.50000, "top5_err": 25.00000})",
    R"(info: json_stats: {"_type": "train_iter_", "dt": 0.50000, "dt_data": 0.25000, "dt_net": 0.25000, "epoch": "1/3", "eta": "0:00:05", "gpu_mem": "0.00G", "grad_norm": 1.50000, "iter": "4/5", "loss": 1.87500, "lr": 0.09980, "top1_err": 62.50000, "top5_err": 25.00000})",
    R"(info: json_stats: {"RAM": "1.50/64.00G", "_type": "train_epoch", "dt": 0.65000, "dt_data": 0.33750, "dt_net": 0.31250, "epoch": "1/3", "eta": "0:00:06", "gpu_mem": "0.00G", "grad_norm": 1.25000, "loss": 2.02632, "lr": 0.09970, "top1_err": 57.89474, "top5_err": 21.05263})"};
const std::string kValLine =
    R"(json_stats: {"RAM": "1.50/64.00G", "_type": "val_epoch", "epoch": "1/3", "gpu_mem": "0.00G", "min_top1_err": 55.00000, "min_top5_err": 17.50000, "time_diff": 1.00000, "top1_err": 55.00000, "top5_err": 17.50000})";

const std::vector<std::string> kSettings{"LOG_PERIOD", "2", "SOLVER.MAX_EPOCH", "3"};

std::string without_level(const std::string& line) { return line.substr(line.find("json")); }

TEST(TrainMeter, LinesAreThoseOfTheOriginal) {
  const TemporaryFolder folder;
  LogLines log;
  TrainingHistory history;
  TrainMeter meter(config_in(folder, kSettings), 5, history);
  int64_t i = 0;
  for (const auto& iteration : five_iterations()) {
    meter.add(iteration);
    meter.log_iteration(0, i++, kMemory);
  }
  meter.log_epoch(0, kMemory);
  EXPECT_EQ(log.take(), kTrainLines);
  EXPECT_EQ(read_bytes(folder / "json_stats.log"), without_level(kTrainLines[2]) + "\n");
}

TEST(TrainMeter, AnEpochStartsFromNothing) {
  const TemporaryFolder folder;
  LogLines log;
  TrainingHistory history;
  TrainMeter meter(config_in(folder, kSettings), 5, history);
  meter.add({9, 100, {100, 100}, 7, 7, 7, 7, 7});
  meter.log_epoch(0, kMemory);
  log.take();
  for (const auto& iteration : five_iterations()) meter.add(iteration);
  meter.log_epoch(0, kMemory);
  EXPECT_EQ(log.take(), std::vector{kTrainLines[2]});
}

TEST(TrainMeter, AnInterruptedEpochGivesTheSameLines) {
  const TemporaryFolder folder;
  LogLines log;
  TrainingHistory history;
  const Config config = config_in(folder, kSettings);
  const auto iterations = five_iterations();
  for (size_t cut = 0; cut < iterations.size(); ++cut) {
    TrainMeter before(config, 5, history), after(config, 5, history);
    for (size_t i = 0; i < iterations.size(); ++i) {
      if (i == cut) after.restore(before.state());
      TrainMeter& meter = i < cut ? before : after;
      meter.add(iterations[i]);
      meter.log_iteration(0, int64_t(i), kMemory);
    }
    after.log_epoch(0, kMemory);
    EXPECT_EQ(log.take(), kTrainLines) << cut;
  }
}

TEST(TrainMeter, ADamagedStateIsOneLine) {
  TrainingHistory history;
  TrainMeter meter(Config(), 5, history);
  EXPECT_EQ(error_of([&] { meter.restore("[1]"); }), "meter: wanted 'losses', found none");
  EXPECT_EQ(error_of([&] { meter.restore("{"); }), "meter: not JSON at byte 2");
  std::string text = meter.state();
  text.replace(text.find("\"losses\":[]"), 11, "\"losses\":[true]");
  EXPECT_EQ(error_of([&] { meter.restore(text); }), "meter: wanted a number, found boolean");
}

TEST(TrainMeter, AnExplodingLossEndsTheTraining) {
  const TemporaryFolder folder;
  TrainingHistory history;
  // Seven values in the window: the loss is held against the mean of the five before it, here 1.
  const auto error_behind = [&](const char* factor, std::vector<double> losses) {
    TrainMeter meter(config_in(folder, {"TRAIN.KILL_LOSS_EXPLOSION_FACTOR", factor}), 99, history);
    return error_of([&] {
      for (const double loss : losses) meter.add({.clips = 2, .loss = loss});
    });
  };
  const std::vector<double> exploding{50, 1, 2, 0.5, 0.5, 1, 3.25};
  EXPECT_TRUE(error_behind("3.0", exploding).starts_with("ERROR: Got Loss explosion of 3.25 20"));
  EXPECT_EQ(error_behind("3.5", exploding), "");
  EXPECT_EQ(error_behind("0.0", exploding), "");
  EXPECT_EQ(error_behind("3.0", {1, 2, 0.5, 0.5, 1, 100}), "");  // too few to tell
}

TEST(ValMeter, LinesAreThoseOfTheOriginal) {
  const TemporaryFolder folder;
  LogLines log;
  TrainingHistory history;
  ValMeter meter(config_in(folder, kSettings), 3, history);
  const auto evaluate = [&](int64_t epoch, double top1) {
    meter.add({25, 0}, 4, 0.25);
    meter.log_iteration(epoch, 0, kMemory);
    meter.add({75, 25}, 4, 0.25);
    meter.log_iteration(epoch, 1, kMemory);
    meter.add({top1, 37.5}, 2, 0.5);
    meter.log_iteration(epoch, 2, kMemory);
    return meter.log_epoch(epoch, kMemory);
  };
  const TopErrors errors = evaluate(0, 75);
  EXPECT_EQ(errors.top1, 55);
  EXPECT_EQ(errors.top5, 17.5);
  EXPECT_EQ(
      log.take(),
      (std::vector<std::string>{
          R"(info: json_stats: {"_type": "val_iter", "epoch": "1/3", "eta": "0:00:00", "gpu_mem": "0.00G", "iter": "2/3", "time_diff": 0.25000, "top1_err": 50.00000, "top5_err": 12.50000})",
          "info: " + kValLine}));
  EXPECT_EQ(read_bytes(folder / "json_stats.log"), kValLine + "\n");

  evaluate(1, 100);
  EXPECT_NE(
      log.take().back().find(
          R"("min_top1_err": 55.00000, "min_top5_err": 17.50000, "time_diff": 1.00000, "top1_err": 60.0)"),
      std::string::npos);
}

TEST(Meters, AFolderThatIsGoneDoesNotEndTheTraining) {
  LogLines log;
  TrainingHistory history;
  Config config;
  config.set("OUTPUT_DIR", "/nowhere/at/all");
  ValMeter meter(config, 3, history);
  meter.add({50, 0}, 2, 1);
  meter.log_epoch(0, kMemory);
  EXPECT_EQ(log.take().back(),
            "warning: /nowhere/at/all/json_stats.log: a line could not be written");
}

TEST(RecentValues, MediansAreThoseOfNumPy) {
  RecentValues window(4);
  EXPECT_TRUE(std::isnan(window.median()));
  const std::vector<double> values{5, 1, 4, 2, 8, 8, 0, 0.5}, medians{5, 3, 4, 3, 3, 6, 5, 4.25};
  for (size_t i = 0; i < values.size(); ++i) {
    window.add(values[i]);
    EXPECT_EQ(window.median(), medians[i]) << i;
  }
  window.add(NAN);
  EXPECT_TRUE(std::isnan(window.median()));
}

TEST(TopErrors, AreSharesOfTheClipsInPercent) {
  // Label 6 of 7 falling scores is outside of the best five, 4 is the last in them.
  std::vector<double> scores;
  for (int clip = 0; clip < 4; ++clip)
    for (int c = 0; c < 7; ++c) scores.push_back(7.0 - c);
  const TopErrors errors =
      top_misses(Tensor::from(scores, {4, 7}), std::vector<int64_t>{0, 4, 6, 5}).errors();
  EXPECT_EQ(errors.top1, 75);
  EXPECT_EQ(errors.top5, 50);
  const TopErrors few =
      top_misses(Tensor::from(std::vector<float>{1, 2, 3}, {1, 3}), std::vector<int64_t>{0})
          .errors();
  EXPECT_EQ(few.top1, 100);
  EXPECT_EQ(few.top5, 0);
}

TEST(History, IsReadFromTheLogsOfTheRun) {
  const TemporaryFolder folder;
  const Config config = config_in(folder, kSettings);
  TrainingHistory written;
  TrainMeter training(config, 5, written);
  ValMeter validation(config, 3, written);
  {
    const LogLines former;  // comes back at the end
    start_log(folder.path());
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      int64_t i = 0;
      for (auto iteration : five_iterations()) {
        iteration.loss *= double(epoch + 1);
        training.add(iteration);
        training.log_iteration(epoch, i++, kMemory);
      }
      training.log_epoch(epoch, kMemory);
      if (epoch == 1) continue;  // as with an EVAL_PERIOD
      validation.add({double(50 - epoch), 12.5}, 2, 1);
      validation.log_epoch(epoch, kMemory);
    }
    spdlog::default_logger()->flush();
  }
  ASSERT_EQ(written.iterations.size(), 6u);
  ASSERT_EQ(written.validation.size(), 2u);
  EXPECT_EQ(written.min_top1_error(), 48);

  // Behind three iterations of the second epoch.
  const TrainingHistory read = read_history(folder.path(), 1, 3);
  ASSERT_EQ(read.iterations.size(), 3u);
  for (const auto& [place, iteration] : read.iterations) {
    EXPECT_EQ(iteration.loss, written.iterations.at(place).loss);
    EXPECT_EQ(iteration.epochs, written.iterations.at(place).epochs);
  }
  EXPECT_TRUE(read.iterations.contains({1, 1}));
  ASSERT_EQ(read.training.size(), 1u);
  EXPECT_NEAR(read.training.at(0).top1_error, written.training.at(0).top1_error, 1e-5);
  EXPECT_NEAR(*read.training.at(0).loss, *written.training.at(0).loss, 1e-5);
  ASSERT_EQ(read.validation.size(), 1u);
  EXPECT_EQ(read.min_top1_error(), 50);
}

TEST(History, OfAStretchThatWasRunTwiceTheLaterCounts) {
  const TemporaryFolder folder;
  const auto line = [](const char* loss) {
    return cat(R"([07/30 10:00:00][INFO] a.cpp:  1: json_stats: {"_type": "train_iter_", )"
               R"("epoch": "1/2", "iter": "10/20", "loss": )",
               loss, "}\n");
  };
  write_bytes(folder / "stdout.log", line("2.5") + line("2.25"));
  const TrainingHistory history = read_history(folder.path(), 1, 0);
  ASSERT_EQ(history.iterations.size(), 1u);
  EXPECT_EQ(history.iterations.at({0, 9}).loss, 2.25);
  EXPECT_EQ(history.iterations.at({0, 9}).epochs, 0.5);
}

TEST(History, PassesOverLinesThatTellNothing) {
  const TemporaryFolder folder;
  const std::string whole =
      R"(json_stats: {"_type": "val_epoch", "epoch": "1/2", "top1_err": 12.5, "top5_err": 2.0})"
      "\n";
  write_bytes(
      folder / "json_stats.log",
      "json_stats: {\"_type\": \"train_epoch\", \"epo" + whole +  // torn, then the next
          R"(json_stats: {"_type": "val_epoch", "epoch": "0/2", "top1_err": 1, "top5_err": 1})"
          "\n"
          R"(json_stats: {"_type": 3, "epoch": "1/2"})"
          "\n"
          R"(json_stats: {"_type": "val_epoch", "epoch": 2, "top1_err": 1})"
          "\n"
          R"(json_stats: {"_type": "val_epoch", "epoch": "2/2", "top1_err": "x"})"
          "\n"
          R"(json_stats: {"_type": "train_epoch", "epoch": "1/2", "loss": nan})"
          "\nnothing\n");
  const TrainingHistory history = read_history(folder.path(), 2, 0);
  ASSERT_EQ(history.validation.size(), 1u);
  EXPECT_EQ(history.validation.at(0).top1_error, 12.5);
  EXPECT_TRUE(history.training.empty());
  EXPECT_TRUE(read_history(folder / "absent", 9, 9).validation.empty());
}

}  // namespace
}  // namespace sf
