// Letters, through FreeType, from the font that Fontconfig names.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "data/draw/canvas.h"

namespace sf {

// A sans-serif font of one size. One thread at a time.
class Font {
 public:
  // pixels: the size, from the deepest descender to the highest ascender about 1.2 times that. The
  // file that SF_FONT in the environment names, else the system's sans-serif. Throws if there is
  // none.
  explicit Font(int pixels);
  ~Font();

  int pixels() const { return pixels_; }
  // The height of every mask.
  int line_height() const;
  // The width of the mask of a text.
  int width(std::string_view utf8) const;
  // The text on one line. What is not UTF-8, and what the font lacks, becomes the font's sign for
  // that; control characters become blanks.
  Mask mask(std::string_view utf8) const;
  // The text if its mask is no wider than that, else as many letters of it as are with "…".
  std::string fitted(std::string_view utf8, int width) const;

 private:
  struct Face;
  std::unique_ptr<Face> face_;
  int pixels_;
};

}  // namespace sf
