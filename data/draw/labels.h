// What a labelled video shows.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/boxes.h"
#include "data/draw/canvas.h"
#include "data/draw/font.h"

namespace sf {

// Boxes are in shares of the width and height of the picture.

// The pixels of a box in a picture of that size: edges rounded to whole pixels, at least one pixel.
Box pixels_of(const BoxCorners& box, int width, int height);

// The size of letters that can be read in a picture of that size.
int font_pixels(int width, int height);
// The width of the lines of a box beside letters of that font.
int line_width(const Font& font);
// Colours that differ for numbers that follow each other.
Colour colour_of(int64_t number);

struct Bar {
  std::string name;
  double score = 0;  // [0, 1]
};

// A panel in the upper left corner with a row for each, first on top: a bar as long as the score,
// the name and the score. Rows that the picture has no room for are left out.
void draw_bars(Canvas& canvas, const Font& font, std::span<const Bar> bars);

// The frame of a box, and lines of text above it, or within where there is no room above.
void draw_box(Canvas& canvas, const Font& font, const BoxCorners& box, Colour colour,
              std::span<const std::string> lines);

}  // namespace sf
