#include "apps/engine/training_curves.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "tensor/atomic_file.h"

namespace sf {
namespace {

struct Point {
  double x = 0, y = 0;
};

struct Curve {
  std::string_view name, colour;
  bool dots = false;
  std::vector<Point> points = {};
};

struct Range {
  double lo = 0, hi = 1;
  double share(double value) const { return (value - lo) / (hi - lo); }
};

// Multiples of 1, 2 or 5 times a power of ten, about five in the range.
double tick_distance(double extent) {
  const double rough = extent / 5, power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1, 2, 5})
    if (rough <= factor * power) return factor * power;
  return 10 * power;
}

// From 0 up, or from a tick below the least value if that is far above 0.
Range rounded_range(double least, double most) {
  if (!(most > least)) most = least + (least > 0 ? least : 1);
  const double lo = least < 0.5 * most ? std::min(0.0, least) : least;
  const double tick = tick_distance(most - lo);
  return {std::floor(lo / tick) * tick, std::ceil(most / tick) * tick};
}

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

// Pixels.
constexpr double kWidth = 860, kPanel = 300, kHead = 48;
constexpr double kLeft = 70, kRight = 20, kTop = 20, kBottom = 50;
constexpr size_t kMostPoints = 800;
constexpr size_t kMostDots = 60;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (uint8_t(c) >= 0x20)
      out += c;
  }
  return out;
}

std::string text_at(double x, double y, std::string_view attributes, std::string_view text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, y, attributes,
                     escaped(text));
}

// One diagram with its upper edge at `top`.
std::string panel(double top, std::string_view y_title, const Range& x, const Range& y,
                  const std::vector<Curve>& curves) {
  const double left = kLeft, right = kWidth - kRight, upper = top + kTop,
               lower = top + kPanel - kBottom;
  const auto px = [&](double v) { return left + (right - left) * x.share(v); };
  const auto py = [&](double v) { return lower - (lower - upper) * y.share(v); };
  std::string out;
  const auto line = [&](double x1, double y1, double x2, double y2, std::string_view colour) {
    out += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>\n", x1, y1,
        x2, y2, colour);
  };
  constexpr double kSlack = 1e-9;
  const double y_tick = tick_distance(y.hi - y.lo), x_tick = tick_distance(x.hi - x.lo);
  for (int i = 0; y.lo + i * y_tick <= y.hi + kSlack * y_tick; ++i) {
    const double value = y.lo + i * y_tick;
    line(left, py(value), right, py(value), i == 0 ? "#555" : "#ddd");
    out += text_at(left - 8, py(value) + 4, "text-anchor=\"end\"", fmt::format("{:.5g}", value));
  }
  for (int i = 0; x.lo + i * x_tick <= x.hi + kSlack * x_tick; ++i) {
    const double value = x.lo + i * x_tick;
    line(px(value), lower, px(value), lower + 5, "#555");
    out += text_at(px(value), lower + 19, "text-anchor=\"middle\"", fmt::format("{:.5g}", value));
  }
  line(left, upper, left, lower, "#555");
  out += text_at((left + right) / 2, lower + 38, "text-anchor=\"middle\"", "epochs");
  const double middle = (upper + lower) / 2;
  out += text_at(18, middle,
                 fmt::format("text-anchor=\"middle\" transform=\"rotate(-90 18 {:.1f})\"", middle),
                 y_title);
  double legend = upper + 12;
  for (const Curve& curve : curves) {
    if (curve.points.empty()) continue;
    out += fmt::format(
        "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\" stroke-linejoin=\"round\" "
        "points=\"",
        curve.colour);
    for (const Point& p : curve.points) out += fmt::format("{:.1f},{:.1f} ", px(p.x), py(p.y));
    out.back() = '"';
    out += "/>\n";
    if (curve.dots && curve.points.size() <= kMostDots)
      for (const Point& p : curve.points)
        out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.6\" fill=\"{}\"/>\n", px(p.x),
                           py(p.y), curve.colour);
    line(right - 112, legend, right - 90, legend, curve.colour);
    out += text_at(right - 84, legend + 4, "", curve.name);
    legend += 18;
  }
  return out;
}

Range y_range(const std::vector<Curve>& curves) {
  double least = INFINITY, most = -INFINITY;
  for (const Curve& curve : curves)
    for (const Point& p : curve.points) {
      least = std::min(least, p.y);
      most = std::max(most, p.y);
    }
  return least <= most ? rounded_range(least, most) : Range{};
}

}  // namespace

void write_training_curves(const std::filesystem::path& path, const TrainingHistory& history,
                           const std::string& title) {
  const std::vector<Curve> loss{{"training", "#1f6fb4", false, losses(history, kMostPoints)}};
  const std::vector<Curve> errors{
      {"training", "#1f6fb4", true, top1_errors(history.training, kMostPoints)},
      {"validation", "#d1495b", true, top1_errors(history.validation, kMostPoints)}};
  Range epochs;
  for (const auto* curves : {&loss, &errors})
    for (const Curve& curve : *curves)
      for (const Point& p : curve.points) epochs.hi = std::max(epochs.hi, p.x);

  const double height = kHead + 2 * kPanel;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      kWidth, height);
  svg += text_at(kWidth / 2, 30, "text-anchor=\"middle\" font-size=\"18\"", title);
  svg += panel(kHead, "loss", epochs, y_range(loss), loss);
  svg += panel(kHead + kPanel, "top-1 error, %", epochs, y_range(errors), errors);
  AtomicFile file(path);
  file.write(svg + "</svg>\n");
  file.commit();
}

std::vector<std::string> loss_plot(const TrainingHistory& history) {
  constexpr int kColumns = 64, kRows = 10;
  const std::vector<Point> points = losses(history, kColumns);
  if (points.size() < 2) return {};
  const Range y = y_range({{.name = "", .colour = "", .points = points}});
  const Range x{std::floor(points.front().x), std::ceil(points.back().x)};
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
