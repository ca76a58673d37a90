// What the scalars and lists of a YAML tree stand for.
#include <algorithm>
#include <charconv>
#include <limits>

#include "configs/literal.h"
#include "configs/yaml.h"

namespace sf {
namespace {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

// A word in the three spellings of YAML 1.1: yes, Yes, YES.
bool is_word(std::string_view text, std::string_view lower) {
  std::string spelling(lower);
  if (text == spelling) return true;
  spelling[0] = char(spelling[0] - 'a' + 'A');
  if (text == spelling) return true;
  for (char& c : spelling)
    if (c >= 'a' && c <= 'z') c = char(c - 'a' + 'A');
  return text == spelling;
}

ConfigValue element_of(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::scalar)
    return node.plain ? resolve_plain(node.text) : ConfigValue{node.text};
  ConfigList list;
  for (const YamlNode& element : node.elements) list.push_back(element_of(element));
  return ConfigValue{std::move(list)};
}

}  // namespace

ConfigValue resolve_plain(std::string_view text) {
  if (text.empty() || text == "~" || is_word(text, "null")) return {};
  for (const std::string_view word : {"yes", "true", "on"})
    if (is_word(text, word)) return ConfigValue{true};
  for (const std::string_view word : {"no", "false", "off"})
    if (is_word(text, word)) return ConfigValue{false};

  if (is_one_of(text, {".nan", ".NaN", ".NAN"}))
    return ConfigValue{std::numeric_limits<double>::quiet_NaN()};
  const bool is_signed = text[0] == '+' || text[0] == '-';
  const double sign = text[0] == '-' ? -1 : 1;
  const std::string_view unsigned_text = text.substr(is_signed ? 1 : 0);
  if (is_one_of(unsigned_text, {".inf", ".Inf", ".INF"}))
    return ConfigValue{sign * std::numeric_limits<double>::infinity()};

  if (unsigned_text.size() > 1 && unsigned_text[0] == '0' &&
      unsigned_text.find_first_not_of("01234567") == std::string_view::npos) {
    int64_t octal = 0;
    const auto [end, error] = std::from_chars(
        unsigned_text.data(), unsigned_text.data() + unsigned_text.size(), octal, 8);
    if (error == std::errc()) return ConfigValue{text[0] == '-' ? -octal : octal};
  }
  if (auto literal = parse_literal(text);
      literal && (literal->kind() == ConfigValue::Kind::integer ||
                  literal->kind() == ConfigValue::Kind::number))
    return std::move(*literal);
  return ConfigValue{std::string(text)};
}

ConfigValue value_of(const YamlNode& node) {
  ConfigValue value = element_of(node);
  if (const auto* text = std::get_if<std::string>(&value.data)) return decode_literal(*text);
  return value;
}

}  // namespace sf
