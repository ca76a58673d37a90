#include "data/draw/canvas.h"

#include <limits>

#include <gtest/gtest.h>

#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr Colour kRed{255, 0, 0}, kGrey{100, 100, 100};

// 9 x 7 of grey, with gaps between rows.
Canvas grey() {
  const std::vector<uint8_t> rgb(40 * 7, 100);
  Canvas canvas;
  canvas.assign({rgb.data(), 40, 9, 7});
  return canvas;
}

Colour at(const Canvas& canvas, int x, int y) {
  const uint8_t* p = canvas.view().row(y) + 3 * x;
  return {p[0], p[1], p[2]};
}

// How many pixels are no longer grey.
int changed(const Canvas& canvas) {
  int n = 0;
  for (int y = 0; y < canvas.height(); ++y)
    for (int x = 0; x < canvas.width(); ++x) n += !(at(canvas, x, y) == kGrey);
  return n;
}

TEST(Canvas, CopiesThePictureWithoutItsGaps) {
  const Canvas canvas = grey();
  EXPECT_EQ(canvas.width(), 9);
  EXPECT_EQ(canvas.height(), 7);
  EXPECT_EQ(canvas.view().stride, 27);
  EXPECT_EQ(changed(canvas), 0);
}

TEST(Canvas, FillsExactlyTheBox) {
  Canvas canvas = grey();
  canvas.fill({.y = 2, .x = 3, .height = 4, .width = 5}, kRed);
  EXPECT_EQ(changed(canvas), 20);
  for (int y = 2; y < 6; ++y)
    for (int x = 3; x < 8; ++x) EXPECT_EQ(at(canvas, x, y), kRed) << x << ", " << y;
}

TEST(Canvas, OutlineLiesWithinTheBoxAndLeavesItsInside) {
  Canvas canvas = grey();
  canvas.outline({.y = 1, .x = 2, .height = 6, .width = 7}, 2, kRed);
  EXPECT_EQ(changed(canvas), 6 * 7 - 2 * 3);
  for (int y = 0; y < 7; ++y)
    for (int x = 0; x < 9; ++x) {
      const bool within = x >= 2 && y >= 1, inside = x >= 4 && x < 7 && y >= 3 && y < 5;
      EXPECT_EQ(at(canvas, x, y), within && !inside ? kRed : kGrey) << x << ", " << y;
    }
}

TEST(Canvas, OpacityMixesTheColours) {
  Canvas canvas = grey();
  canvas.fill({0, 0, 1, 1}, kRed, 0.2);  // 51 / 255
  EXPECT_EQ(at(canvas, 0, 0), (Colour{131, 80, 80}));
  canvas.fill({0, 1, 1, 1}, kRed, 0);
  EXPECT_EQ(changed(canvas), 1);
}

TEST(Canvas, WhatLiesOutsideIsLost) {
  Canvas canvas = grey();
  constexpr int kMost = std::numeric_limits<int>::max(), kLeast = std::numeric_limits<int>::min();
  canvas.fill({.y = -5, .x = -5, .height = 6, .width = 6}, kRed);
  canvas.fill({.y = 6, .x = 8, .height = kMost, .width = kMost}, kRed);
  canvas.fill({.y = kLeast, .x = kLeast, .height = kMost, .width = kMost}, kRed);
  canvas.fill({.y = kMost, .x = 3, .height = 5, .width = 5}, kRed);
  canvas.fill({.y = 3, .x = 3, .height = -2, .width = 5}, kRed);
  EXPECT_EQ(changed(canvas), 2);
  EXPECT_EQ(at(canvas, 0, 0), kRed);
  EXPECT_EQ(at(canvas, 8, 6), kRed);
}

TEST(Canvas, AMaskCoversByItsValues) {
  Canvas canvas = grey();
  canvas.stamp({.width = 2, .height = 2, .coverage = {255, 51, 0, 255}}, 8, 5, kRed);
  EXPECT_EQ(at(canvas, 8, 5), kRed);
  EXPECT_EQ(at(canvas, 8, 6), kGrey);
  EXPECT_EQ(changed(canvas), 1);
  canvas.stamp({.width = 2, .height = 2, .coverage = {255, 51, 0, 255}}, -1, 0, kRed);
  EXPECT_EQ(at(canvas, 0, 0), (Colour{131, 80, 80}));
  EXPECT_EQ(at(canvas, 0, 1), kRed);
  EXPECT_THROW(canvas.stamp({.width = 2, .height = 2, .coverage = {1}}, 0, 0, kRed), Error);
}

}  // namespace
}  // namespace sf
