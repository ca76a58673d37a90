// The spellings of text in pickles.
#pragma once

#include <string>
#include <string_view>

namespace sf {

// All throw sf::Error that begins with "pickle: " for text that is not of the kind.

// The string that a Python 2 literal without its quotes stands for (opcode STRING).
std::string from_python_literal(std::string_view raw);

// "raw-unicode-escape", Latin-1 with \uXXXX and \UXXXXXXXX, as UTF-8 (opcode UNICODE).
std::string from_raw_unicode(std::string_view raw);

// The Latin-1 bytes of UTF-8 text whose characters are below 256 (_codecs.encode).
std::string latin1_from_utf8(std::string_view text);

}  // namespace sf
