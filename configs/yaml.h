// YAML text as a tree, and its scalars as YAML 1.1 reads them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "configs/value.h"

namespace sf {

struct YamlEntry;

struct YamlNode {
  enum class Kind { scalar, list, map };

  Kind kind = Kind::scalar;
  bool plain = true;               // a scalar without quotes
  std::string text;                // of a scalar
  std::vector<YamlNode> elements;  // of a list
  std::vector<YamlEntry> entries;  // of a map, each key once
};

struct YamlEntry {
  std::string key;
  int line = 0;  // of the key, from 1
  YamlNode value;
};

struct YamlDocument {
  YamlNode root;
  std::vector<std::string> warnings;  // keys that are given twice, of which the last counts
};

constexpr size_t kMaxYamlBytes = size_t(256) << 10;

// The one document of the text, a map; an empty text is an empty one. `name` stands in messages.
// Throws "NAME:LINE: ..." for text that is not YAML or not a map, is longer than kMaxYamlBytes, is
// nested deeper than 32, expands to too much through aliases, or has tags other than YAML's own.
YamlDocument parse_yaml(std::string_view text, const std::string& name);

// What a scalar without quotes means in YAML 1.1: yes and off are booleans, 010 is 8, .inf is
// infinite. Numbers with an exponent need no point (1e-4), unlike in YAML 1.1.
ConfigValue resolve_plain(std::string_view text);

// The value of a scalar or a list. Texts, quoted ones too, are decoded as Python literals, but not
// inside lists.
ConfigValue value_of(const YamlNode& node);

}  // namespace sf
