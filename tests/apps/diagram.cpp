#include "apps/engine/diagram.h"

#include <gtest/gtest.h>

#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

std::string svg_of(const std::vector<Panel>& panels, double legend) {
  const TemporaryFolder folder;
  write_diagram(folder / "diagram.svg", "a diagram", panels, legend);
  return read_bytes(folder / "diagram.svg");
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

TEST(Diagram, DotsHaveNotesAndNoLine) {
  const std::vector<Curve> curves{{.name = "rows <1>",
                                   .colour = "#111",
                                   .line = false,
                                   .dots = true,
                                   .points = {{1, 10, "first"}, {2, 90, "a < b"}}},
                                  {.name = "nothing", .colour = "#222"}};
  const std::string svg = svg_of({{.title = "above",
                                   .x_title = "x",
                                   .y_title = "y",
                                   .x = {0, 3},
                                   .y = y_range(curves),
                                   .curves = curves}},
                                 180);
  EXPECT_EQ(count(svg, "<polyline"), 0u);
  EXPECT_EQ(count(svg, "<circle"), 3u);  // one in the legend
  for (const char* word : {">first</title>", ">a &lt; b</title>", ">rows &lt;1&gt;<", ">above<"})
    EXPECT_EQ(count(svg, word), 1u) << word;
  EXPECT_EQ(count(svg, "nothing"), 0u);
}

TEST(Diagram, PanelsStandBelowEachOther) {
  const Panel panel{.x_title = "x", .y_title = "y", .x = {}, .y = {}, .curves = {}};
  EXPECT_NE(svg_of({panel, panel, panel}, 0).find("height=\"948\""), std::string::npos);
}

}  // namespace
}  // namespace sf
