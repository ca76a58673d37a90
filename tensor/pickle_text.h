// The spellings of text in pickles.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace sf {

// All throw sf::Error that begins with "pickle: " for text that is not of the kind.

// The string that a Python 2 literal without its quotes stands for (opcode STRING).
std::string from_python_literal(std::string_view raw);

// "raw-unicode-escape", Latin-1 with \uXXXX and \UXXXXXXXX, as UTF-8 (opcode UNICODE).
std::string from_raw_unicode(std::string_view raw);

// The Latin-1 bytes of UTF-8 text whose characters are below 256 (_codecs.encode), from its begin
// to its end.
class Latin1Reader {
 public:
  // The text is kept as a view.
  explicit Latin1Reader(std::string_view utf8) : rest_(utf8) {}

  // Fills `out` with the next bytes. Returns how many: fewer only at the end of the text.
  size_t read(std::span<char> out);

 private:
  std::string_view rest_;
};

// All of them.
std::string latin1_from_utf8(std::string_view text);

}  // namespace sf
