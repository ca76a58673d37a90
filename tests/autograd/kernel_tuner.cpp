// Kernels chosen by what they take, and the file that remembers it.
#include "autograd/plan/kernel_tuner.h"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "autograd/gradients.h"
#include "autograd/ops/conv3d.h"
#include "autograd/ops/linear.h"
#include "autograd/plan/plan.h"
#include "tests/autograd/network.h"
#include "tests/data/temporary_folder.h"
#include "tests/environment.h"

namespace sf {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string_view>;

const Names kNames{"slow", "fast", "other"};

// Times by kernel; negative: no candidate. Counts how many were asked for.
struct KernelClock {
  std::vector<double> times;
  int asked = 0;

  KernelTuner::Measure measure() {
    return [this](size_t kernel, double) -> std::optional<double> {
      ++asked;
      if (times[kernel] < 0) return {};
      return times[kernel];
    };
  }
};

class KernelTunerTest : public ::testing::Test {
 protected:
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "sf" / "kernel_times.json";

  std::optional<size_t> fastest(KernelClock& clock, const std::string& device = "gpu",
                                const std::string& problem = "conv3d",
                                const Names& names = kNames) {
    KernelTuner tuner(device, file);
    const auto chosen = tuner.fastest(problem, names, clock.measure());
    tuner.save();
    return chosen;
  }
};

TEST_F(KernelTunerTest, TakesTheFastestCandidate) {
  KernelClock clock{{3, 1, 2}}, without{{3, -1, 2}}, none{{-1, -1, -1}};
  EXPECT_EQ(fastest(clock, "a"), 1U);
  EXPECT_EQ(fastest(without, "b"), 2U);
  EXPECT_EQ(fastest(none, "c"), std::nullopt);
}

TEST_F(KernelTunerTest, MeasuresOnceForEachProblemDeviceAndTable) {
  KernelClock clock{{3, 1, 2, 4}};
  EXPECT_EQ(fastest(clock), 1U);
  EXPECT_EQ(clock.asked, 3);
  EXPECT_EQ(fastest(clock), 1U);
  EXPECT_EQ(clock.asked, 3);
  EXPECT_EQ(fastest(clock, "another gpu"), 1U);
  EXPECT_EQ(clock.asked, 6);
  EXPECT_EQ(fastest(clock, "gpu", "another problem"), 1U);
  EXPECT_EQ(clock.asked, 9);
  EXPECT_EQ(fastest(clock, "gpu", "conv3d", {"slow", "fast", "other", "new"}), 1U);
  EXPECT_EQ(clock.asked, 13);
}

TEST_F(KernelTunerTest, AKernelThatIsGoneIsMeasuredAnew) {
  KernelClock clock{{3, 1, 2}};
  EXPECT_EQ(fastest(clock), 1U);
  EXPECT_EQ(fastest(clock, "gpu", "conv3d", {"slow", "renamed", "other"}), 1U);
  EXPECT_EQ(clock.asked, 6);
}

TEST_F(KernelTunerTest, WhatFailsIsNotRemembered) {
  const auto failing = [](size_t kernel, double) -> std::optional<double> {
    if (kernel == 1) throw Error("no memory");
    return 5.0 - double(kernel);
  };
  KernelTuner tuner("gpu", file);
  EXPECT_EQ(tuner.fastest("conv3d", kNames, failing), 2U);
  tuner.save();
  KernelClock clock{{3, 1, 2}};
  EXPECT_EQ(fastest(clock), 1U);
  EXPECT_EQ(clock.asked, 3);
}

TEST_F(KernelTunerTest, SeesTheBestTimeSoFar) {
  std::vector<double> best;
  KernelTuner("gpu", file).fastest("conv3d", kNames, [&](size_t kernel, double so_far) {
    best.push_back(so_far);
    return std::optional(kernel == 1 ? 2.0 : 3.0);
  });
  EXPECT_EQ(best, (std::vector{std::numeric_limits<double>::infinity(), 3.0, 2.0}));
}

TEST_F(KernelTunerTest, AFileThatCannotBeReadCountsAsEmptyAndIsReplaced) {
  fs::create_directories(file.parent_path());
  for (const char* text :
       {"", "{", "[]", R"({"format": 2, "devices": {}})",
        R"({"format": 1, "devices": {"gpu": {"conv3d of 3": {"slow": "x"}}}})"}) {
    std::ofstream(file) << text;
    KernelClock clock{{3, 1, 2}}, again{{3, 1, 2}};
    EXPECT_EQ(fastest(clock), 1U) << text;
    EXPECT_EQ(clock.asked, 3) << text;
    EXPECT_EQ(fastest(again), 1U) << text;
    EXPECT_EQ(again.asked, 0) << text;
  }
}

TEST_F(KernelTunerTest, KeepsWhatAnotherProgramHasWritten) {
  KernelTimes first(file), second(file);
  first.add("gpu", "a", {{"x", 1.5}});
  second.add("gpu", "b", {{"y", 2.5}});
  EXPECT_TRUE(first.save());
  EXPECT_TRUE(second.save());
  const KernelTimes both(file);
  ASSERT_NE(both.find("gpu", "a"), nullptr);
  ASSERT_NE(both.find("gpu", "b"), nullptr);
  EXPECT_EQ(both.find("gpu", "a")->at("x"), 1.5);
  EXPECT_EQ(both.find("gpu", "b")->at("y"), 2.5);
  EXPECT_EQ(both.find("gpu", "c"), nullptr);
  EXPECT_EQ(std::distance(fs::directory_iterator(file.parent_path()), {}), 1);
}

TEST_F(KernelTunerTest, AFileThatCannotBeWrittenStopsNobody) {
  std::ofstream(folder.path() / "sf") << "in the way";
  KernelTimes times(file);
  times.add("gpu", "a", {{"x", 1}});
  EXPECT_FALSE(times.save());
}

TEST(KernelTimesFile, LiesInTheUsersCache) {
  const Environment home("HOME", "/home/me");
  {
    const Environment cache("XDG_CACHE_HOME", "/var/cache/me");
    EXPECT_EQ(kernel_times_file(), "/var/cache/me/sf/kernel_times.json");
  }
  for (const char* unusable : {static_cast<const char*>(nullptr), "", "relative"}) {
    const Environment cache("XDG_CACHE_HOME", unusable);
    EXPECT_EQ(kernel_times_file(), "/home/me/.cache/sf/kernel_times.json");
    const Environment homeless("HOME", nullptr);
    EXPECT_EQ(kernel_times_file(), "");
  }
}

// Kernels that were measured give what those by place give, to the bit on whole numbers, and a
// second plan measures nothing.
void expect_the_same_of_measured_kernels(Device device) {
  const TemporaryFolder folder;
  const Environment cache("XDG_CACHE_HOME", folder.path().c_str());
  Graph graph;
  const Value x = graph.input("x", {{1, 2, 6, 6, 16}, DType::f32}),
              w = graph.input("w", {{24, 1, 3, 3, 16}, DType::f32}),
              head = graph.input("head", {{10, 24}, DType::f32}),
              bias = graph.input("bias", {{10}, DType::f32}),
              dy = graph.input("dy", {{1, 2, 6, 6, 24}, DType::f32}),
              dz = graph.input("dz", {{1, 2, 6, 6, 10}, DType::f32});
  std::vector<Value> results{conv3d(x, w, {.pad = {0, 1, 1}})};
  for (const Value v : gradients(results[0], std::vector{x, w}, dy)) results.push_back(v);
  // Its gradients are products.
  const Value scores = linear(results[0], head, bias);
  results.push_back(scores);
  for (const Value v : gradients(scores, std::vector{results[0], head}, dz)) results.push_back(v);
  const auto run = [&](bool tune) {
    Plan plan(graph, results, {.device = device, .kernels = {.tune = tune}});
    for (const Value v : {x, w, head, bias, dy, dz}) {
      Tensor fed = random_tensor(graph.info(v.id()).name, v.type(), -3, 3);
      for (float& f : fed.span<float>()) f = std::round(f);
      plan.feed(v, fed);
    }
    plan.run();
    std::vector<std::vector<float>> found;
    for (const Value v : results) found.push_back(values(plan.fetch(v)));
    return found;
  };
  const auto wanted = run(false);
  EXPECT_TRUE(fs::is_empty(folder.path()));
  EXPECT_EQ(run(true), wanted);
  const auto written = fs::last_write_time(kernel_times_file());
  EXPECT_EQ(run(true), wanted);
  EXPECT_EQ(fs::last_write_time(kernel_times_file()), written);
}

TEST(CpuTuning, ChoosesAmongKernelsOfTheSameResults) { expect_the_same_of_measured_kernels({}); }

// On a GPU or its stand-in.
TEST(CudaTuning, ChoosesAmongKernelsOfTheSameResults) {
  if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  expect_the_same_of_measured_kernels({.backend = Backend::cuda});
}

// Rows that pack their weights are candidates too, and so are those of Winograd where they may run.
TEST(CpuTuning, MeasuresEveryRowButTheReference) {
  const TemporaryFolder folder;
  const Environment cache("XDG_CACHE_HOME", folder.path().c_str());
  Graph graph;
  const Value x = graph.input("x", {{1, 2, 8, 8, 32}, DType::f32}),
              w = graph.input("w", {{32, 1, 3, 3, 32}, DType::f32});
  const std::vector<Value> y{conv3d(x, w, {.pad = {0, 1, 1}})};
  const Plan plan(graph, y, {.kernels = {.winograd = true, .tune = true}});
  std::ifstream in(kernel_times_file());
  const auto json = nlohmann::json::parse(in);
  const auto& problems = json.at("devices").begin().value();
  ASSERT_EQ(problems.size(), 1U);
  for (const char* row : {"winograd_4x4", "winograd_2x2", "gemm", "onednn"})
    EXPECT_TRUE(problems.begin().value().contains(row)) << row;
  EXPECT_FALSE(problems.begin().value().contains("reference"));
}

}  // namespace
}  // namespace sf
