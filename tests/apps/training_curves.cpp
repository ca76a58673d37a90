#include "apps/engine/training_curves.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include <gtest/gtest.h>

#include "apps/engine/logging.h"
#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

// A training whose loss falls from 4 towards 0.
TrainingHistory falling(int64_t epochs, int64_t iterations) {
  TrainingHistory h;
  for (int64_t e = 0; e < epochs; ++e) {
    for (int64_t i = 0; i < iterations; ++i) {
      const double place = double(e) + double(i + 1) / double(iterations);
      h.iterations[{e, i}] = {place, 4 * std::exp(-place / double(epochs))};
    }
    h.training[e] = {80.0 - 40.0 * double(e) / double(epochs), 20, 1.0};
    if (e % 2 == 1) h.validation[e] = {85.0 - 30.0 * double(e) / double(epochs), 25};
  }
  return h;
}

// The coordinates of every polyline.
std::vector<std::vector<std::pair<double, double>>> polylines(const std::string& svg) {
  constexpr std::string_view kPoints = "points=\"";
  std::vector<std::vector<std::pair<double, double>>> lines;
  for (const std::string& row : split_lines(svg)) {
    const size_t at = row.find(kPoints);
    if (!row.starts_with("<polyline") || at == std::string::npos) continue;
    lines.emplace_back();
    std::istringstream points(row.substr(at + kPoints.size()));
    double x = 0, y = 0;
    for (char comma = 0; points >> x >> comma >> y;) lines.back().emplace_back(x, y);
  }
  return lines;
}

std::string svg_of(const TrainingHistory& history, const std::string& title = "a run") {
  const TemporaryFolder folder;
  write_training_curves(folder / "training.svg", history, title);
  return read_bytes(folder / "training.svg");
}

TEST(TrainingCurves, HaveAPointForEveryValue) {
  const std::string svg = svg_of(falling(5, 7));
  const auto lines = polylines(svg);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].size(), 35u);
  EXPECT_EQ(lines[1].size(), 5u);
  EXPECT_EQ(lines[2].size(), 2u);
  for (const auto& line : lines)
    for (size_t i = 1; i < line.size(); ++i) {
      EXPECT_GT(line[i].first, line[i - 1].first);    // time runs to the right
      EXPECT_GT(line[i].second, line[i - 1].second);  // lower values are lower
    }
  for (const char* word : {">a run<", ">loss<", ">top-1 error, %<", ">epochs<", ">training<",
                           ">validation<", ">0<", ">5<"})
    EXPECT_NE(svg.find(word), std::string::npos) << word;
}

TEST(TrainingCurves, StayWithinTheirPanels) {
  TrainingHistory history = falling(3, 5);
  history.iterations[{0, 0}].loss = 1e4;
  history.iterations[{0, 1}].loss = NAN;  // left out
  const auto lines = polylines(svg_of(history));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].size(), 14u);
  for (const auto& line : lines)
    for (const auto& [x, y] : line) {
      EXPECT_TRUE(x >= 70 && x <= 840) << x;
      EXPECT_TRUE(y >= 68 && y <= 598) << y;
    }
}

TEST(TrainingCurves, OfLongTrainingsStaySmall) {
  const std::string svg = svg_of(falling(196, 300));
  EXPECT_LE(polylines(svg)[0].size(), 800u);
  EXPECT_LT(svg.size(), 40000u);
}

TEST(TrainingCurves, OfNothingAreEmptyAxes) {
  const std::string svg = svg_of({}, "a <b> & c");
  EXPECT_TRUE(polylines(svg).empty());
  EXPECT_NE(svg.find(">a &lt;b&gt; &amp; c<"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_TRUE(loss_plot({}).empty());
}

TEST(TrainingCurves, AFolderThatIsNotThereIsOneLine) {
  EXPECT_TRUE(error_of([] {
                write_training_curves("/nowhere/a.svg", {}, "");
              }).starts_with("/nowhere/a.svg: could not create"));
}

TEST(LossPlot, FallsFromLeftToRight) {
  const std::vector<std::string> lines = loss_plot(falling(6, 9));
  ASSERT_EQ(lines.size(), 12u);
  EXPECT_TRUE(lines.front().starts_with("        4 | *"));
  size_t before = 0;
  for (size_t i = 0; i < 10; ++i) {
    const size_t star = lines[i].find('*');
    if (star == std::string::npos) continue;
    EXPECT_GE(star, before) << lines[i];
    before = lines[i].rfind('*');
  }
  EXPECT_EQ(before, 11u + 63);
  EXPECT_NE(lines.back().find("epochs"), std::string::npos);
  EXPECT_TRUE(lines.back().ends_with(" 6"));
}

TEST(LossPlot, AConstantLossIsALine) {
  TrainingHistory history;
  history.iterations[{0, 0}] = {0.5, 2};
  EXPECT_TRUE(loss_plot(history).empty());
  history.iterations[{0, 1}] = {1, 2};
  const std::vector<std::string> lines = loss_plot(history);
  int stars = 0;
  for (const std::string& line : lines) stars += int(std::ranges::count(line, '*'));
  EXPECT_EQ(stars, 2);
}

TEST(LossPlot, LinesOfOtherSettingsStayInside) {
  TrainingHistory history;
  history.iterations[{0, 4}] = {1, 2};  // the fifth of five, then of a hundred
  history.iterations[{0, 9}] = {0.1, 3};
  const std::vector<std::string> lines = loss_plot(history);
  int stars = 0;
  for (const std::string& line : lines) stars += int(std::ranges::count(line, '*'));
  EXPECT_EQ(stars, 2);
}

}  // namespace
}  // namespace sf
