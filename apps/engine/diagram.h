// Diagrams as SVG: axes with round numbers, curves and dots, a legend.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

struct Point {
  double x = 0, y = 0;
  std::string note = {};  // shown where a pointer rests on its dot
};

struct Curve {
  std::string name = {}, colour = {};
  bool line = true, dots = false;
  std::vector<Point> points = {};
};

struct Range {
  double lo = 0, hi = 1;
  double share(double value) const { return (value - lo) / (hi - lo); }
};
// From 0 up, or from a round number below the least value if that is far above 0, to a round
// number.
Range rounded_range(double least, double most);
// The rounded range of the curves' y; 0 to 1 without points.
Range y_range(const std::vector<Curve>& curves);

struct Panel {
  std::string title = {};  // above it
  std::string x_title, y_title;
  Range x, y;
  std::vector<Curve> curves;
};

// The panels below each other. legend: pixels kept free for it beside them; 0: it stands within.
// Replaces the file as a whole. Throws if it cannot be written.
void write_diagram(const std::filesystem::path& path, std::string_view title,
                   const std::vector<Panel>& panels, double legend = 0);

}  // namespace sf
