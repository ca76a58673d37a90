// Where things are drawn; not which pixels letters take, which fonts decide.
#include "data/draw/labels.h"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr Colour kRed{255, 0, 0}, kGrey{100, 100, 100};

Canvas grey(int width, int height) {
  const std::vector<uint8_t> rgb(size_t(width) * size_t(height) * 3, 100);
  Canvas canvas;
  canvas.assign({rgb.data(), int64_t(width) * 3, width, height});
  return canvas;
}

Colour at(const Canvas& canvas, int x, int y) {
  const uint8_t* p = canvas.view().row(y) + 3 * x;
  return {p[0], p[1], p[2]};
}

int64_t ink(const Mask& mask) {
  return std::accumulate(mask.coverage.begin(), mask.coverage.end(), int64_t(0));
}

TEST(Font, MasksAreAsWideAsTheTextAndAsHighAsALine) {
  const Font font(20);
  const Mask one = font.mask("jumping"), two = font.mask("jumping rope");
  EXPECT_EQ(one.width, font.width("jumping"));
  EXPECT_EQ(one.height, font.line_height());
  EXPECT_EQ(one.coverage.size(), size_t(one.width) * size_t(one.height));
  EXPECT_GT(two.width, one.width);
  EXPECT_GT(ink(two), ink(one));
  EXPECT_GE(font.line_height(), 20);
  EXPECT_LT(font.line_height(), 40);
  EXPECT_EQ(ink(font.mask(" ")), 0);
  EXPECT_EQ(ink(font.mask("")), 0);
}

TEST(Font, ALongTextIsCutToTheWidth) {
  const Font font(16);
  EXPECT_EQ(font.fitted("juggling", 1000), "juggling");
  const std::string cut = font.fitted("opening bottle (not wine)", 100);
  EXPECT_TRUE(cut.ends_with("…")) << cut;
  EXPECT_TRUE(cut.starts_with("open")) << cut;
  EXPECT_LE(font.width(cut), 100);
  EXPECT_EQ(font.fitted("juggling", 0), "…");
}

TEST(Font, TextThatIsNoUtf8IsDrawnAllTheSame) {
  const Font font(12);
  const int sign = font.width("\uFFFD");
  for (const char* text : {"\xFF", "\xC3", "\xE2\x82", "\xC0\x80", "\xED\xA0\x80", "\xF8\x88"}) {
    EXPECT_GE(font.width(text), sign) << int(uint8_t(text[0]));
    EXPECT_GT(ink(font.mask(text)), 0) << int(uint8_t(text[0]));
  }
  EXPECT_EQ(font.width("\t\n"), font.width("  "));
  EXPECT_EQ(ink(font.mask("é")), ink(font.mask("\xC3\xA9")));
}

TEST(Font, MisuseIsNamed) {
  EXPECT_THROW(Font(0), Error);
  EXPECT_THROW(Font(100'000), Error);
}

TEST(Labels, EdgesOfABoxAreRoundedToPixels) {
  EXPECT_EQ(pixels_of({0.25, 0.5, 0.75, 1}, 100, 50),
            (Box{.y = 25, .x = 25, .height = 25, .width = 50}));
  EXPECT_EQ(pixels_of({0.104, 0, 0.106, 0.01}, 100, 50),
            (Box{.y = 0, .x = 10, .height = 1, .width = 1}));
  EXPECT_EQ(pixels_of({1, 1, 1, 1}, 100, 50), (Box{.y = 49, .x = 99, .height = 1, .width = 1}));
  EXPECT_EQ(pixels_of({-3, -3, 3, 3}, 100, 50), (Box{.y = 0, .x = 0, .height = 50, .width = 100}));
}

TEST(Labels, ABoxIsDrawnWhereItLies) {
  const Font font(16);
  ASSERT_EQ(line_width(font), 2);
  Canvas canvas = grey(200, 120);
  draw_box(canvas, font, {0.25, 0.5, 0.75, 0.9}, kRed, {});
  for (int y = 0; y < 120; ++y)
    for (int x = 0; x < 200; ++x) {
      const bool within = x >= 50 && x < 150 && y >= 60 && y < 108;
      const bool inside = x >= 52 && x < 148 && y >= 62 && y < 106;
      ASSERT_EQ(at(canvas, x, y), within && !inside ? kRed : kGrey) << x << ", " << y;
    }
}

TEST(Labels, LinesStandAboveTheBoxOrWithin) {
  const Font font(16);
  const int row = font.line_height();
  const std::vector<std::string> lines{"stand 0.91", "talk to 0.40"};
  ASSERT_LT(2 * row, 60);
  Canvas above = grey(200, 120);
  draw_box(above, font, {0.25, 0.5, 0.75, 0.9}, kRed, lines);
  EXPECT_EQ(at(above, 50, 60 - 2 * row), kRed);
  EXPECT_EQ(at(above, 50, 60 - 2 * row - 1), kGrey);
  EXPECT_EQ(at(above, 49, 60 - row), kGrey);
  EXPECT_EQ(at(above, 52, 62), kGrey) << "the inside is free";

  Canvas within = grey(200, 120);
  draw_box(within, font, {0.25, 0.1, 0.75, 0.9}, kRed, lines);
  EXPECT_EQ(at(within, 50, 11), kGrey);
  EXPECT_EQ(at(within, 50, 12), kRed);
  EXPECT_EQ(at(within, 50 + font.width(lines[1]) - 1, 12 + 2 * row - 1), kRed);

  // A box at the right edge has its lines shifted into the picture.
  Canvas right = grey(200, 120);
  draw_box(right, font, {0.95, 0.5, 1, 0.9}, kRed, lines);
  EXPECT_EQ(at(right, 200 - font.width(lines[0]), 60 - 2 * row), kRed);
}

// The columns of a row in which no letter stands, of those that the bar makes blue.
int blue_columns(const Canvas& canvas, int y) {
  int n = 0;
  for (int x = 0; x < canvas.width(); ++x) n += at(canvas, x, y).blue > 200;
  return n;
}

TEST(Labels, BarsAreAsLongAsTheirScores) {
  const Font font(16);
  Canvas canvas = grey(320, 240);
  // The first pixels of a row lie above its letters.
  draw_bars(canvas, font, std::vector<Bar>{{"juggling", 1}, {"yoga", 0.5}, {"swimming", 0}});
  const int row = font.line_height() + 4;
  EXPECT_EQ(at(canvas, 7, 8), kGrey);
  EXPECT_EQ(at(canvas, 8, 7), kGrey);
  EXPECT_EQ(blue_columns(canvas, 8), 256);
  EXPECT_EQ(blue_columns(canvas, 8 + row), 128);
  EXPECT_EQ(blue_columns(canvas, 8 + 2 * row), 0);
  EXPECT_EQ(at(canvas, 8 + 255, 8 + 2 * row), (Colour{40, 40, 40}));  // the panel at 0.6
  EXPECT_EQ(at(canvas, 8, 8 + 3 * row), kGrey);
}

TEST(Labels, TinyPicturesAndWrongScoresAreDrawnAllTheSame) {
  const Font font(9);
  for (const auto& [width, height] : {std::pair{2, 2}, {9, 200}, {200, 9}, {30, 30}}) {
    Canvas canvas = grey(width, height);
    draw_bars(canvas, font, std::vector<Bar>{{"a", NAN}, {"b", 7}, {"c", -INFINITY}});
    draw_box(canvas, font, {0, 0, 1, 1}, kRed, std::vector<std::string>{"long line of text"});
    EXPECT_EQ(at(canvas, 0, 0), kRed);
  }
}

}  // namespace
}  // namespace sf
