#include "apps/engine/diagram.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <fmt/format.h>

#include "tensor/atomic_file.h"

namespace sf {
namespace {

// Pixels.
constexpr double kWidth = 860, kPanel = 300, kHead = 48;
constexpr double kLeft = 70, kRight = 20, kTop = 20, kBottom = 50;
constexpr double kLegendWithin = 112;

// Multiples of 1, 2 or 5 times a power of ten, about five in the range.
double tick_distance(double extent) {
  const double rough = extent / 5, power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1, 2, 5})
    if (rough <= factor * power) return factor * power;
  return 10 * power;
}

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

std::string line(double x1, double y1, double x2, double y2, std::string_view colour) {
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>\n", x1, y1, x2,
      y2, colour);
}

std::string dot(double x, double y, std::string_view colour, std::string_view note = {}) {
  const std::string circle =
      fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.6\" fill=\"{}\"", x, y, colour);
  if (note.empty()) return circle + "/>\n";
  return fmt::format("{}><title>{}</title></circle>\n", circle, escaped(note));
}

// A panel's place on the page.
struct Frame {
  double left, right, upper, lower;
  Range x, y;

  double px(double v) const { return left + (right - left) * x.share(v); }
  double py(double v) const { return lower - (lower - upper) * y.share(v); }
};

std::string axes(const Frame& f, const Panel& panel) {
  constexpr double kSlack = 1e-9;
  std::string out;
  const double y_tick = tick_distance(f.y.hi - f.y.lo), x_tick = tick_distance(f.x.hi - f.x.lo);
  for (int i = 0; f.y.lo + i * y_tick <= f.y.hi + kSlack * y_tick; ++i) {
    const double value = f.y.lo + i * y_tick;
    out += line(f.left, f.py(value), f.right, f.py(value), i == 0 ? "#555" : "#ddd");
    out +=
        text_at(f.left - 8, f.py(value) + 4, "text-anchor=\"end\"", fmt::format("{:.5g}", value));
  }
  for (int i = 0; f.x.lo + i * x_tick <= f.x.hi + kSlack * x_tick; ++i) {
    const double value = f.x.lo + i * x_tick;
    out += line(f.px(value), f.lower, f.px(value), f.lower + 5, "#555");
    out +=
        text_at(f.px(value), f.lower + 19, "text-anchor=\"middle\"", fmt::format("{:.5g}", value));
  }
  out += line(f.left, f.upper, f.left, f.lower, "#555");
  const double centre = (f.left + f.right) / 2, middle = (f.upper + f.lower) / 2;
  out += text_at(centre, f.lower + 38, "text-anchor=\"middle\"", panel.x_title);
  out += text_at(18, middle,
                 fmt::format("text-anchor=\"middle\" transform=\"rotate(-90 18 {:.1f})\"", middle),
                 panel.y_title);
  if (!panel.title.empty())
    out += text_at(f.left, f.upper - 8, "font-weight=\"bold\"", panel.title);
  return out;
}

std::string drawn(const Frame& f, const Curve& curve) {
  std::string out;
  if (curve.line) {
    out += fmt::format(
        "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\" stroke-linejoin=\"round\" "
        "points=\"",
        curve.colour);
    for (const Point& p : curve.points) out += fmt::format("{:.1f},{:.1f} ", f.px(p.x), f.py(p.y));
    out.back() = '"';
    out += "/>\n";
  }
  if (curve.dots)
    for (const Point& p : curve.points) out += dot(f.px(p.x), f.py(p.y), curve.colour, p.note);
  return out;
}

std::string drawn(const Panel& panel, double top, double legend_width) {
  const Frame f{.left = kLeft,
                .right = kWidth - kRight - legend_width,
                .upper = top + kTop,
                .lower = top + kPanel - kBottom,
                .x = panel.x,
                .y = panel.y};
  std::string out = axes(f, panel);
  const double left = legend_width > 0 ? f.right + 12 : f.right - kLegendWithin;
  double legend = f.upper + 12;
  for (const Curve& curve : panel.curves) {
    if (curve.points.empty()) continue;
    out += drawn(f, curve);
    out += curve.line ? line(left, legend, left + 22, legend, curve.colour)
                      : dot(left + 11, legend, curve.colour);
    out += text_at(left + 28, legend + 4, "", curve.name);
    legend += 18;
  }
  return out;
}

}  // namespace

Range rounded_range(double least, double most) {
  if (!(most > least)) most = least + (least > 0 ? least : 1);
  const double lo = least < 0.5 * most ? std::min(0.0, least) : least;
  const double tick = tick_distance(most - lo);
  return {std::floor(lo / tick) * tick, std::ceil(most / tick) * tick};
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

void write_diagram(const std::filesystem::path& path, std::string_view title,
                   const std::vector<Panel>& panels, double legend) {
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      kWidth, kHead + double(panels.size()) * kPanel);
  svg += text_at(kWidth / 2, 30, "text-anchor=\"middle\" font-size=\"18\"", title);
  for (size_t i = 0; i < panels.size(); ++i)
    svg += drawn(panels[i], kHead + double(i) * kPanel, legend);
  AtomicFile file(path);
  file.write(svg + "</svg>\n");
  file.commit();
}

}  // namespace sf
