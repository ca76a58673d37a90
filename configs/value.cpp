#include "configs/value.h"

#include <array>
#include <cmath>

#include <fmt/format.h>

#include "configs/literal.h"
#include "configs/yaml.h"

namespace sf {
namespace {

constexpr size_t kMessageLength = 80;

void append_visible(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (c == '\n')
    out += "\\n";
  else if (byte < 0x20 || byte == 0x7f)
    out += fmt::format("\\x{:02x}", byte);
  else
    out += c;
}

std::string escaped(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') out += '\\';
    append_visible(out, c);
  }
  return out += quote;
}

// The shortest digits that read back as the same number, with a point, which YAML 1.1 wants.
std::string number_text(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  std::string text = fmt::format("{}", value);
  if (text.find('.') != std::string::npos) return text;
  const size_t exponent = text.find('e');
  return text.insert(exponent == std::string::npos ? text.size() : exponent, ".0");
}

bool is_plain(std::string_view text) {
  constexpr std::string_view kSafe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-";
  return !text.empty() && text[0] != '-' && text.find_first_not_of(kSafe) == std::string_view::npos;
}

std::string element_text(const ConfigValue& value);

std::string list_text(const ConfigList& list, std::string (*print)(const ConfigValue&)) {
  std::string out = "[";
  for (const ConfigValue& element : list) {
    if (out.size() > 1) out += ", ";
    out += print(element);
  }
  return out += "]";
}

// As yaml_text, inside a list, where texts are not decoded as literals.
std::string element_text(const ConfigValue& value) {
  switch (value.kind()) {
    case ConfigValue::Kind::none: return "null";
    case ConfigValue::Kind::boolean: return std::get<bool>(value.data) ? "True" : "False";
    case ConfigValue::Kind::integer: return fmt::format("{}", std::get<int64_t>(value.data));
    case ConfigValue::Kind::number: return number_text(std::get<double>(value.data));
    case ConfigValue::Kind::list: return list_text(std::get<ConfigList>(value.data), element_text);
    case ConfigValue::Kind::text: break;
  }
  const auto& text = std::get<std::string>(value.data);
  return is_plain(text) && resolve_plain(text) == value ? text : escaped(text, '"');
}

std::string python_text(const ConfigValue& value) {
  switch (value.kind()) {
    case ConfigValue::Kind::none: return "None";
    case ConfigValue::Kind::text: return in_quotes(std::get<std::string>(value.data));
    case ConfigValue::Kind::list: return list_text(std::get<ConfigList>(value.data), python_text);
    default: return element_text(value);
  }
}

}  // namespace

std::string_view describe(ConfigValue::Kind kind) {
  constexpr std::array<std::string_view, 6> kNames{"None",     "a boolean", "an integer",
                                                   "a number", "a string",  "a list"};
  return kNames[size_t(kind)];
}

std::string in_quotes(std::string_view text) {
  if (text.size() > kMessageLength) return escaped(text.substr(0, kMessageLength), '\'') + "...";
  return escaped(text, '\'');
}

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) append_visible(out, c);
  return out;
}

std::string message_text(const ConfigValue& value) {
  std::string text = python_text(value);
  if (text.size() > kMessageLength + 8) text.replace(kMessageLength, std::string::npos, "...");
  return text;
}

std::string yaml_text(const ConfigValue& value) {
  if (value.kind() == ConfigValue::Kind::none) return "None";
  // A text that would be decoded as a literal is written as a literal of that text.
  if (const auto* text = std::get_if<std::string>(&value.data); text && parse_literal(*text))
    return escaped(escaped(*text, '\''), '"');
  return element_text(value);
}

}  // namespace sf
