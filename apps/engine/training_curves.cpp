#include "apps/engine/training_curves.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "apps/engine/diagram.h"

namespace sf {
namespace {

// At most so many points, means of neighbours; those that are not finite are left out.
std::vector<Point> thinned(std::vector<Point> points, size_t most) {
  std::erase_if(points, [](const Point& p) { return !std::isfinite(p.y); });
  const size_t group = (points.size() + most - 1) / most;
  if (group <= 1) return points;
  std::vector<Point> means;
  for (size_t begin = 0; begin < points.size(); begin += group) {
    const size_t count = std::min(group, points.size() - begin);
    Point mean;
    for (size_t i = begin; i < begin + count; ++i) {
      mean.x += points[i].x / double(count);
      mean.y += points[i].y / double(count);
    }
    means.push_back(mean);
  }
  return means;
}

std::vector<Point> losses(const TrainingHistory& history, size_t most) {
  std::vector<Point> points;
  for (const auto& [place, iteration] : history.iterations)
    points.push_back({iteration.epochs, iteration.loss});
  if (points.empty())  // no line within an epoch, with a LOG_PERIOD above its iterations
    for (const auto& [number, epoch] : history.training)
      if (epoch.loss) points.push_back({double(number + 1), *epoch.loss});
  return thinned(std::move(points), most);
}

std::vector<Point> top1_errors(const std::map<int64_t, TrainingHistory::Epoch>& epochs,
                               size_t most) {
  std::vector<Point> points;
  for (const auto& [number, epoch] : epochs)
    points.push_back({double(number + 1), epoch.top1_error});
  return thinned(std::move(points), most);
}

constexpr size_t kMostPoints = 800;
constexpr size_t kMostDots = 60;

Curve errors_of(std::string name, std::string colour,
                const std::map<int64_t, TrainingHistory::Epoch>& epochs) {
  Curve curve{.name = std::move(name),
              .colour = std::move(colour),
              .points = top1_errors(epochs, kMostPoints)};
  curve.dots = curve.points.size() <= kMostDots;
  return curve;
}

}  // namespace

void write_training_curves(const std::filesystem::path& path, const TrainingHistory& history,
                           const std::string& title) {
  std::vector<Curve> loss{
      {.name = "training", .colour = "#1f6fb4", .points = losses(history, kMostPoints)}};
  const bool detection = !history.training.empty() && history.training.begin()->second.detection;
  std::vector<Curve> errors{errors_of("validation", "#d1495b", history.validation)};
  if (!detection) errors.insert(errors.begin(), errors_of("training", "#1f6fb4", history.training));
  Range epochs;
  for (const auto* curves : {&loss, &errors})
    for (const Curve& curve : *curves)
      for (const Point& p : curve.points) epochs.hi = std::max(epochs.hi, p.x);
  const auto panel = [&](std::string y_title, const std::vector<Curve>& curves) {
    return Panel{.x_title = "epochs",
                 .y_title = std::move(y_title),
                 .x = epochs,
                 .y = y_range(curves),
                 .curves = curves};
  };
  write_diagram(
      path, title,
      {panel("loss", loss), panel(detection ? "100 - mAP, %" : "top-1 error, %", errors)});
}

std::vector<std::string> loss_plot(const TrainingHistory& history) {
  constexpr int kColumns = 64, kRows = 10;
  const std::vector<Point> points = losses(history, kColumns);
  if (points.size() < 2) return {};
  const Range y = y_range({{.points = points}});
  // Lines of other settings in the same log may go back in time.
  const auto [earliest, latest] = std::ranges::minmax(points, {}, &Point::x);
  const double begin = std::floor(earliest.x);
  const Range x{begin, std::max(std::ceil(latest.x), begin + 1)};
  std::vector<std::string> rows(kRows, std::string(kColumns, ' '));
  for (const Point& p : points) {
    const auto column = size_t(std::lround(x.share(p.x) * (kColumns - 1)));
    const auto row = size_t(std::lround((1 - y.share(p.y)) * (kRows - 1)));
    rows[row][column] = '*';
  }
  std::vector<std::string> lines;
  for (int r = 0; r < kRows; ++r) {
    const double value = y.hi - (y.hi - y.lo) * r / (kRows - 1);
    const bool labelled = r == 0 || r == kRows - 1;
    lines.push_back(
        fmt::format("{:>9} |{}", labelled ? fmt::format("{:.4g}", value) : "", rows[size_t(r)]));
    lines.back().erase(lines.back().find_last_not_of(' ') + 1);
  }
  lines[kRows / 2].replace(0, 6, "  loss");
  lines.push_back(fmt::format("{:>9} +{}", "", std::string(kColumns, '-')));
  const std::string first = fmt::format("{:.4g}", x.lo), last = fmt::format("{:.4g}", x.hi);
  lines.push_back(fmt::format("{:>10} {}{:^{}}{}", "", first, "epochs",
                              kColumns - int(first.size() + last.size()), last));
  return lines;
}

}  // namespace sf
