#include "data/temporal_sampling.h"

#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "golden.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

using Indices = std::vector<int64_t>;

TEST(TemporalSampling, EveryRowOfTheOriginalsTable) {
  std::ifstream in(golden_folder() / "data/temporal_sampling.json");
  const auto table = nlohmann::json::parse(in);
  ASSERT_EQ(table["rows"].size(), 980u);
  for (const auto& row : table["rows"]) {
    const int64_t frames = row[0];
    const Window w = view_window(double(frames), row[1], row[2], row[3], row[4]);
    EXPECT_EQ(w.start, double(row[5])) << row;
    EXPECT_EQ(w.end, double(row[6])) << row;
    EXPECT_EQ(window_indices(w, 8, frames), row[7].get<Indices>()) << row;
  }
}

TEST(TemporalSampling, IndicesOfRealVideosAreTheOriginals) {
  const ClipSampling sampling{.num_frames = 16, .sampling_rate = 4};
  for (const std::string& name : golden_videos()) {
    const int64_t frames = std::stoll(golden_kinetics().metadata.at(name + ".frames"));
    const double fps = std::stod(golden_kinetics().metadata.at(name + ".fps"));
    for (int view = 0; view < 4; ++view) {
      const std::string key = cat(name, ".view", view);
      const auto wanted = golden_kinetics().at(key + ".indices").span<int64_t>();
      EXPECT_EQ(view_indices(sampling, frames, fps, view, 4), Indices(wanted.begin(), wanted.end()))
          << key;
      const auto window = golden_kinetics().at(key + ".start_end").span<double>();
      const Window w = view_window(double(frames), clip_length(sampling, fps), view, 4, false);
      EXPECT_EQ(w.start, window[0]) << key;
      EXPECT_EQ(w.end, window[1]) << key;
    }
  }
}

TEST(TemporalSampling, RandomWindowsStartAtTheirDrawOfTheRest) {
  const auto expect = [](Window w, double start, double end) {
    EXPECT_EQ(w.start, start);
    EXPECT_EQ(w.end, end);
  };
  expect(random_window(300, 64, 0), 0, 63);
  expect(random_window(300, 64, 0.5), 118, 181);
  expect(random_window(300, 64, 0.9), 212.4, 275.4);
  expect(random_window(40, 64, 0.9), 0, 63);
  EXPECT_EQ(window_indices(random_window(300, 64, 0.1), 8, 300),
            (Indices{23, 32, 41, 50, 59, 68, 77, 86}));
}

TEST(TemporalSampling, SlowPathwaysSpreadFromTheFirstToTheLastFrame) {
  EXPECT_EQ(slow_indices(32, 8), (Indices{0, 10, 20, 31}));
  EXPECT_EQ(slow_indices(32, 4), (Indices{0, 4, 8, 13, 17, 22, 26, 31}));
  EXPECT_EQ(slow_indices(64, 4),
            (Indices{0, 4, 8, 12, 16, 21, 25, 29, 33, 37, 42, 46, 50, 54, 58, 63}));
  EXPECT_EQ(slow_indices(64, 8), (Indices{0, 9, 18, 27, 36, 45, 54, 63}));
  EXPECT_EQ(slow_indices(16, 4), (Indices{0, 5, 10, 15}));
  EXPECT_EQ(slow_indices(8, 8), (Indices{0}));
}

TEST(TemporalSampling, ShortVideosRepeatTheLastFrame) {
  const Indices i = view_indices({.num_frames = 32, .sampling_rate = 2}, 3, 30, 9, 10);
  EXPECT_EQ(i.front(), 0);
  EXPECT_EQ(i.back(), 2);
  EXPECT_TRUE(std::is_sorted(i.begin(), i.end()));
}

TEST(TemporalSampling, MisuseIsNamed) {
  EXPECT_THROW(view_indices({}, 0, 30, 0, 1), Error);
  EXPECT_THROW(view_indices({}, 10, 0, 0, 1), Error);
  EXPECT_THROW(view_indices({}, 10, 30, 1, 1), Error);
  EXPECT_THROW(slow_indices(8, 0), Error);
  EXPECT_THROW(slow_indices(4, 8), Error);
}

}  // namespace
}  // namespace sf
