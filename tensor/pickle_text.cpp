#include "tensor/pickle_text.h"

#include <array>
#include <cstdint>
#include <cstring>

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

constexpr size_t kWord = sizeof(uint64_t);

#if defined(__x86_64__)
// Begins Latin1Reader::read, eight bytes a step: a byte behind C2 or C3 takes two bits from there,
// and all but C2 and C3 move together. Gives the bytes of text that are done; stops before a
// character that Latin-1 does not have, and where less than a word of `out` is left.
__attribute__((target("bmi2,popcnt"))) size_t latin1_by_words(std::string_view text,
                                                              std::span<char> out, size_t& filled) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHigh = 0x80 * kOnes;
  uint64_t before = 0;  // the last byte of the word before
  size_t at = 0;
  for (; at + kWord <= text.size() && filled + kWord <= out.size(); at += kWord) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, kWord);
    const uint64_t previous = word << 8 | before;
    const uint64_t leads = word & word << 1 & kHigh;
    const uint64_t others = word & ~(word << 1) & kHigh;  // of two bytes the second
    const uint64_t lead_bytes = (leads >> 7) * 0xFF;
    const uint64_t leads_before = previous & previous << 1 & kHigh;
    if (others != leads_before || ((word ^ 0xC2 * kOnes) & 0xFE * kOnes & lead_bytes) != 0) break;
    const uint64_t high_bits = (previous & 3 * kOnes) << 6 & (others >> 7) * 0xFF;
    const uint64_t bytes = (word & ~((others >> 7) * 0xC0)) | high_bits;
    const uint64_t packed = __builtin_ia32_pext_di(bytes, ~lead_bytes);
    std::memcpy(out.data() + filled, &packed, kWord);
    filled += kWord - size_t(__builtin_popcountll(leads));
    before = word >> 56;
  }
  // A character that is cut in two begins again.
  return before >= 0xC0 ? at - 1 : at;
}
#endif

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

size_t Latin1Reader::read(std::span<char> out) {
  size_t at = 0, filled = 0;
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("bmi2");
  if (has_instruction) at = latin1_by_words(rest_, out, filled);
#endif
  for (; at < rest_.size() && filled < out.size(); ++at) {
    const auto byte = uint8_t(rest_[at]);
    if (byte < 0x80) {
      out[filled++] = rest_[at];
      continue;
    }
    const bool two = (byte == 0xC2 || byte == 0xC3) && at + 1 < rest_.size() &&
                     (uint8_t(rest_[at + 1]) & 0xC0) == 0x80;
    SF_CHECK(two, "pickle: _codecs.encode: a character that Latin-1 does not have");
    out[filled++] = char((byte & 3) << 6 | (uint8_t(rest_[++at]) & 0x3F));
  }
  rest_.remove_prefix(at);
  return filled;
}

std::string latin1_from_utf8(std::string_view text) {
  std::string out(text.size(), '\0');
  out.resize(Latin1Reader(text).read(out));
  return out;
}

}  // namespace sf
