#include "data/draw/font.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <fontconfig/fontconfig.h>
#include <ft2build.h>
#include FT_FREETYPE_H

#include "kernels/base/error.h"

namespace sf {
namespace {

// Beside the letters, some of which reach out of their advance.
constexpr int kMargin = 1;
constexpr char32_t kReplacement = 0xFFFD;

struct FontFile {
  std::string path;
  int index = 0;  // of the face in a collection
};

FontFile find_font() {
  if (const char* named = std::getenv("SF_FONT"); named != nullptr && *named != '\0')
    return {.path = named};
  const std::unique_ptr<FcConfig, void (*)(FcConfig*)> config(FcInitLoadConfigAndFonts(),
                                                              FcConfigDestroy);
  using Pattern = std::unique_ptr<FcPattern, void (*)(FcPattern*)>;
  const Pattern wanted(FcNameParse(reinterpret_cast<const FcChar8*>("sans-serif:scalable=true")),
                       FcPatternDestroy);
  SF_CHECK(config && wanted, "fonts: Fontconfig cannot be started");
  FcConfigSubstitute(config.get(), wanted.get(), FcMatchPattern);
  FcDefaultSubstitute(wanted.get());
  FcResult result = FcResultNoMatch;
  const Pattern found(FcFontMatch(config.get(), wanted.get(), &result), FcPatternDestroy);
  FcChar8* path = nullptr;
  SF_CHECK(
      found && FcPatternGetString(found.get(), FC_FILE, 0, &path) == FcResultMatch,
      "fonts: wanted a sans-serif font on this system, found none (fonts-dejavu-core has one)");
  FontFile file{.path = reinterpret_cast<const char*>(path)};
  FcPatternGetInteger(found.get(), FC_INDEX, 0, &file.index);
  return file;
}

// Takes the next code point from the front; kReplacement and one byte where it is no UTF-8.
char32_t take_code_point(std::string_view& text) {
  const auto first = uint8_t(text[0]);
  const size_t length = first < 0x80              ? 1
                        : (first >> 5) == 0b110   ? 2
                        : (first >> 4) == 0b1110  ? 3
                        : (first >> 3) == 0b11110 ? 4
                                                  : 0;
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  char32_t code = length == 1 ? first : first & (0x7Fu >> length);
  bool valid = length > 0 && length <= text.size();
  for (size_t i = 1; valid && i < length; ++i) {
    valid = (uint8_t(text[i]) >> 6) == 0b10;
    code = code << 6 | (uint8_t(text[i]) & 0x3Fu);
  }
  valid = valid && code >= kLeast[length] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
  text.remove_prefix(valid ? length : 1);
  if (!valid) return kReplacement;
  return code < 0x20 || code == 0x7F ? U' ' : code;
}

int whole_pixels(FT_Pos sixty_fourths) { return int((sixty_fourths + 63) >> 6); }

}  // namespace

struct Font::Face {
  explicit Face(int pixels) {
    const FontFile file = find_font();
    const auto check = [&](FT_Error error) {
      if (error == 0) return;
      close();
      throw Error(cat(file.path, ": wanted a font that FreeType reads, found error ", error));
    };
    check(FT_Init_FreeType(&library));
    check(FT_New_Face(library, file.path.c_str(), file.index, &face));
    check(FT_Set_Pixel_Sizes(face, 0, FT_UInt(pixels)));
  }
  Face(const Face&) = delete;
  Face& operator=(const Face&) = delete;
  ~Face() { close(); }

  void close() noexcept {
    if (face != nullptr) FT_Done_Face(face);
    if (library != nullptr) FT_Done_FreeType(library);
  }

  int ascent() const { return whole_pixels(face->size->metrics.ascender); }
  int height() const { return ascent() + whole_pixels(-face->size->metrics.descender); }

  // Calls use(glyph, x) for each letter with the place where it starts. Returns where the last one
  // ends.
  template <class Use>
  int each_glyph(std::string_view text, FT_Int32 flags, const Use& use) const {
    int x = kMargin;
    while (!text.empty()) {
      const char32_t code = take_code_point(text);
      if (FT_Load_Char(face, code, flags | FT_LOAD_NO_BITMAP) != 0) continue;
      use(*face->glyph, x);
      x += whole_pixels(face->glyph->advance.x);
    }
    return x;
  }

  FT_Library library = nullptr;
  FT_Face face = nullptr;
};

Font::Font(int pixels) : pixels_(pixels) {
  SF_CHECK(pixels >= 1 && pixels <= 1000, "font: wanted a size of 1 to 1000 pixels, found ",
           pixels);
  face_ = std::make_unique<Face>(pixels);
}
Font::~Font() = default;

int Font::line_height() const { return face_->height(); }

int Font::width(std::string_view utf8) const {
  return face_->each_glyph(utf8, FT_LOAD_DEFAULT, [](const FT_GlyphSlotRec&, int) {}) + kMargin;
}

Mask Font::mask(std::string_view utf8) const {
  Mask mask{.width = width(utf8), .height = line_height()};
  mask.coverage.resize(size_t(mask.width) * size_t(mask.height));
  const int ascent = face_->ascent();
  face_->each_glyph(utf8, FT_LOAD_RENDER, [&](const FT_GlyphSlotRec& glyph, int x) {
    const FT_Bitmap& bitmap = glyph.bitmap;
    if (bitmap.pixel_mode != FT_PIXEL_MODE_GRAY) return;  // of blanks
    for (int row = 0; row < int(bitmap.rows); ++row) {
      const int y = ascent - glyph.bitmap_top + row;
      if (y < 0 || y >= mask.height) continue;
      for (int column = 0; column < int(bitmap.width); ++column) {
        const int at = x + glyph.bitmap_left + column;
        if (at < 0 || at >= mask.width) continue;
        uint8_t& to = mask.coverage[size_t(y) * size_t(mask.width) + size_t(at)];
        to = std::max(to, bitmap.buffer[int64_t(row) * bitmap.pitch + column]);
      }
    }
  });
  return mask;
}

std::string Font::fitted(std::string_view utf8, int width) const {
  if (this->width(utf8) <= width) return std::string(utf8);
  std::string best = "…";
  std::string_view rest = utf8;
  while (!rest.empty()) {
    take_code_point(rest);
    std::string next = cat(utf8.substr(0, utf8.size() - rest.size()), "…");
    if (this->width(next) > width) break;
    best = std::move(next);
  }
  return best;
}

}  // namespace sf
