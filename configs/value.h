// The value of a key: nothing, a boolean, an integer, a number, a text or a list of values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sf {

struct ConfigValue;
using ConfigList = std::vector<ConfigValue>;

struct ConfigValue {
  // In the order of the alternatives of `data`.
  enum class Kind { none, boolean, integer, number, text, list };

  std::variant<std::monostate, bool, int64_t, double, std::string, ConfigList> data;

  Kind kind() const { return Kind(data.index()); }
  bool operator==(const ConfigValue& other) const { return data == other.data; }
};

// "an integer", for messages.
std::string_view describe(ConfigValue::Kind kind);

// As Python writes it: None, True, 'text', [1, 2.5]. Long values end in "...", so that a message
// stays one short line.
std::string message_text(const ConfigValue& value);

// The text in single quotes, with control characters, quotes and backslashes escaped. Long texts
// end in "...", too. (Under the name `quoted` a call with a std::string would find std::quoted.)
std::string in_quotes(std::string_view text);

// The text with its control characters escaped, so that it does not break a message into lines.
std::string one_line(std::string_view text);

// One line of YAML that reads back as this value where it stands behind a key.
std::string yaml_text(const ConfigValue& value);

}  // namespace sf
