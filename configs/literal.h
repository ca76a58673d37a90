// Values written as Python literals.
#pragma once

#include <optional>
#include <string_view>

#include "configs/value.h"

namespace sf {

// The value that Python's literal_eval gives: numbers, strings, True, False, None, and tuples and
// lists of them, both of which become lists. Integers beyond 64 bits become numbers. Nothing where
// the text is no such literal, holds a comment or is nested deeper than 16 (half of what YAML may
// be, so that a dump can be read).
std::optional<ConfigValue> parse_literal(std::string_view text);

// The literal, or the text itself where it is none.
ConfigValue decode_literal(std::string_view text);

}  // namespace sf
