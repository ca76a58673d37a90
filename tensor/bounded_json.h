// JSON of outside origin.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

namespace sf {

// Parses one JSON text. Throws sf::Error, one line that begins with `what`, if it is malformed,
// nested deeper than 16 or an object has the same key twice.
nlohmann::json parse_bounded_json(std::string_view text, std::string_view what);

// The text of a value on one line. Throws if a string in it is not UTF-8.
std::string json_text(const nlohmann::json& value, std::string_view what);

}  // namespace sf
