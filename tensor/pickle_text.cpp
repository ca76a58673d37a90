#include "tensor/pickle_text.h"

#include <array>
#include <cstdint>

#include "kernels/base/error.h"

namespace sf {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_utf8(std::string& out, uint32_t point) {
  if (point < 0x80) {
    out += char(point);
    return;
  }
  const int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  constexpr std::array<uint8_t, 4> kLead{0, 0xC0, 0xE0, 0xF0};
  out += char(kLead[size_t(more)] | point >> (6 * more));
  for (int k = more - 1; k >= 0; --k) out += char(0x80 | ((point >> (6 * k)) & 0x3F));
}

// The digits after \x, \u or \U.
uint32_t escaped_number(std::string_view raw, size_t at, size_t digits) {
  SF_CHECK(digits <= raw.size() - at, "pickle: an escape that is cut off");
  uint32_t number = 0;
  for (size_t k = 0; k < digits; ++k) {
    const int digit = hex_digit(raw[at + k]);
    SF_CHECK(digit >= 0, "pickle: an escape without hexadecimal digits");
    number = number << 4 | uint32_t(digit);
  }
  return number;
}

}  // namespace

std::string from_python_literal(std::string_view raw) {
  constexpr std::string_view kLetters = "nrtabfv\\'\"";
  constexpr std::string_view kMeanings = "\n\r\t\a\b\f\v\\'\"";
  std::string out;
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      out += raw[i];
      continue;
    }
    SF_CHECK(++i < raw.size(), "pickle: an escape that is cut off");
    if (const size_t letter = kLetters.find(raw[i]); letter != std::string_view::npos) {
      out += kMeanings[letter];
    } else {
      SF_CHECK(raw[i] == 'x', "pickle: unknown escape in a string");
      out += char(escaped_number(raw, i + 1, 2));
      i += 2;
    }
  }
  return out;
}

std::string from_raw_unicode(std::string_view raw) {
  std::string out;
  for (size_t i = 0; i < raw.size(); ++i) {
    const bool escape =
        raw[i] == '\\' && i + 1 < raw.size() && (raw[i + 1] == 'u' || raw[i + 1] == 'U');
    if (!escape) {
      append_utf8(out, uint8_t(raw[i]));
      continue;
    }
    const size_t digits = raw[i + 1] == 'u' ? 4 : 8;
    const uint32_t point = escaped_number(raw, i + 2, digits);
    SF_CHECK(point < 0x110000, "pickle: a character beyond Unicode");
    append_utf8(out, point);
    i += 1 + digits;
  }
  return out;
}

std::string latin1_from_utf8(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = uint8_t(text[i]);
    if (byte < 0x80) {
      out += text[i];
      continue;
    }
    const bool two = (byte == 0xC2 || byte == 0xC3) && i + 1 < text.size() &&
                     (uint8_t(text[i + 1]) & 0xC0) == 0x80;
    SF_CHECK(two, "pickle: _codecs.encode: a character that Latin-1 does not have");
    out += char((byte & 3) << 6 | (uint8_t(text[++i]) & 0x3F));
  }
  return out;
}

}  // namespace sf
