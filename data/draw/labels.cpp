#include "data/draw/labels.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace sf {
namespace {

constexpr Colour kWhite{255, 255, 255}, kBlack{0, 0, 0}, kBar{47, 129, 247};
constexpr double kPanelOpacity = 0.6, kBarOpacity = 0.85;
constexpr int kPanelWidth = 16;  // in letters' sizes

// Dark and light enough to stand out from one another.
constexpr auto kColours = std::to_array<Colour>({{230, 159, 0},
                                                 {86, 180, 233},
                                                 {0, 158, 115},
                                                 {240, 228, 66},
                                                 {0, 114, 178},
                                                 {213, 94, 0},
                                                 {204, 121, 167}});

// Black or white, which ever stands out more.
Colour letters_on(Colour c) {
  return 299 * c.red + 587 * c.green + 114 * c.blue > 140'000 ? kBlack : kWhite;
}

}  // namespace

Box pixels_of(const BoxCorners& box, int width, int height) {
  const auto edge = [](double share, int size) {
    return int(std::lround(std::clamp(share, 0.0, 1.0) * size));
  };
  const int left = std::min(edge(box[0], width), width - 1);
  const int top = std::min(edge(box[1], height), height - 1);
  return {.y = top,
          .x = left,
          .height = std::max(1, edge(box[3], height) - top),
          .width = std::max(1, edge(box[2], width) - left)};
}

int font_pixels(int width, int height) { return std::clamp(std::min(width, height) / 22, 9, 48); }

int line_width(const Font& font) { return std::max(1, font.pixels() / 8); }

Colour colour_of(int64_t number) { return kColours[uint64_t(number) % kColours.size()]; }

void draw_bars(Canvas& canvas, const Font& font, std::span<const Bar> bars) {
  const int margin = font.pixels() / 2, gap = std::max(1, font.pixels() / 4);
  const int row = font.line_height() + gap;
  const int width = std::min(canvas.width() - 2 * margin, kPanelWidth * font.pixels());
  const int rows = std::min(int(bars.size()), (canvas.height() - 2 * margin) / row);
  if (width <= 0) return;
  for (int i = 0; i < rows; ++i) {
    const Bar& bar = bars[size_t(i)];
    const int y = margin + i * row;
    const double share = std::isfinite(bar.score) ? std::clamp(bar.score, 0.0, 1.0) : 0;
    canvas.fill({y, margin, row, width}, kBlack, kPanelOpacity);
    canvas.fill({y, margin, row - 1, int(std::lround(share * width))}, kBar, kBarOpacity);
    const Mask score = font.mask(fmt::format("{:.2f}", bar.score));
    const int score_x = margin + width - gap - score.width;
    canvas.stamp(score, score_x, y + gap / 2, kWhite);
    const std::string name = font.fitted(bar.name, score_x - margin - 2 * gap);
    canvas.stamp(font.mask(name), margin + gap, y + gap / 2, kWhite);
  }
}

void draw_box(Canvas& canvas, const Font& font, const BoxCorners& box, Colour colour,
              std::span<const std::string> lines) {
  const Box pixels = pixels_of(box, canvas.width(), canvas.height());
  canvas.outline(pixels, line_width(font), colour);
  const int row = font.line_height();
  int y = pixels.y - row * int(lines.size());
  if (y < 0) y = pixels.y;
  for (const std::string& line : lines) {
    const Mask text = font.mask(font.fitted(line, canvas.width()));
    const int x = std::max(0, std::min(pixels.x, canvas.width() - text.width));
    canvas.fill({y, x, row, text.width}, colour);
    canvas.stamp(text, x, y, letters_on(colour));
    y += row;
  }
}

}  // namespace sf
