#include "kernel_report.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "apps/engine/diagram.h"
#include "tensor/atomic_file.h"

namespace sf {
namespace {

// Colours that people with any eyes tell apart, from Okabe and Ito.
const std::array<std::string, 8> kColours{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                          "#e69f00", "#56b4e9", "#000000", "#999999"};
constexpr double kLegend = 200;  // pixels

template <class List, class T>
size_t place_of(List& list, const T& value) {
  const auto found = std::ranges::find(list, value);
  if (found != list.end()) return size_t(found - list.begin());
  list.push_back(value);
  return list.size() - 1;
}

// As CSV has it (RFC 4180).
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string all = "\"";
  for (const char c : text) all += c == '"' ? std::string("\"\"") : std::string(1, c);
  return all + "\"";
}

}  // namespace

void keep(std::vector<KernelTime>& times, KernelTime time) {
  const auto key = [](const KernelTime& t) {
    return std::tie(t.file, t.direction, t.problem, t.kernel);
  };
  for (KernelTime& before : times)
    if (key(before) == key(time)) {
      if (before.fault.empty()) before = std::move(time);
      return;
    }
  times.push_back(std::move(time));
}

void write_kernel_csv(const std::filesystem::path& path, const std::string& device,
                      const std::string& type, const std::vector<KernelTime>& times) {
  std::string text = "device,type,file,direction,problem,kernel,us,TFLOP/s,GB/s,roofline_%,fault\n";
  for (const KernelTime& t : times) {
    for (const std::string& field : {device, type, t.file, t.direction, t.problem, t.kernel})
      text += quoted(field) + ",";
    if (t.fault.empty())
      text += fmt::format("{:.2f},{:.4g},{:.4g},", t.seconds * 1e6, t.operations / t.seconds / 1e12,
                          t.bytes / t.seconds / 1e9);
    else
      text += ",,,";
    text += t.share > 0 ? fmt::format("{:.3g},", t.share * 100) : ",";
    text += quoted(t.fault) + "\n";
  }
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

void write_kernel_diagram(const std::filesystem::path& path, const std::string& title,
                          const std::vector<KernelTime>& times) {
  std::vector<Panel> panels;
  std::vector<std::string> titles, kernels;
  std::vector<std::vector<std::string>> problems;  // by panel
  for (const KernelTime& t : times) {
    if (t.share <= 0) continue;
    const size_t at = place_of(titles, fmt::format("{}, {}", t.file, t.direction));
    if (at == panels.size()) {
      panels.push_back({.title = titles[at],
                        .x_title = "convolution, in the order of the file",
                        .y_title = "% of the roofline",
                        .x = {},
                        .y = {},
                        .curves = {}});
      problems.emplace_back();
    }
    const std::string& colour = kColours[place_of(kernels, t.kernel) % kColours.size()];
    auto& curves = panels[at].curves;
    auto curve = std::ranges::find(curves, t.kernel, &Curve::name);
    if (curve == curves.end())
      curve =
          curves.insert(curve, {.name = t.kernel, .colour = colour, .line = false, .dots = true});
    const size_t number = 1 + place_of(problems[at], t.problem);
    curve->points.push_back({double(number), 100 * t.share,
                             fmt::format("{}: {}, {:.1f} us, {:.0f} %", t.problem, t.kernel,
                                         t.seconds * 1e6, 100 * t.share)});
  }
  for (size_t i = 0; i < panels.size(); ++i) {
    panels[i].x = {0, double(problems[i].size() + 1)};
    panels[i].y = y_range(panels[i].curves);
    panels[i].y.lo = 0;
  }
  write_diagram(path, title, panels, kLegend);
}

}  // namespace sf
