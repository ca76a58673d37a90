// The original's configurations as JSON, and ways to hold a Config against them.
#pragma once

#include <algorithm>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "configs/config.h"
#include "tests/tensor/outside_files.h"

namespace sf {

using nlohmann::json;

inline json golden_json(const std::string& name) {
  std::ifstream in(golden("configs/" + name));
  return json::parse(in);
}

inline const std::map<std::string, KeyInfo>& keys_by_name() {
  static const auto keys = [] {
    std::map<std::string, KeyInfo> out;
    for (KeyInfo& key : Config::keys()) out.emplace(key.name, std::move(key));
    return out;
  }();
  return keys;
}

// What the original makes of a text that is a Python literal.
inline json decode_python(std::string text) {
  if (text == "None") return nullptr;
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  if (const size_t comma = text.find(",)"); comma != std::string::npos) text.erase(comma, 1);
  std::ranges::replace(text, '(', '[');
  std::ranges::replace(text, ')', ']');
  return json::parse(text);
}

inline size_t depth_of(const json& list) {
  size_t depth = 0;
  if (!list.is_array()) return 0;
  for (const json& element : list) depth = std::max(depth, depth_of(element));
  return depth + 1;
}

template <class Predicate>
bool any_element(const json& value, const Predicate& predicate) {
  return value.is_array()
             ? std::ranges::any_of(value, [&](const json& e) { return any_element(e, predicate); })
             : predicate(value);
}

// The value of a key by the getter for lists of the expected form.
inline json list_of(const Config& config, const std::string& key, const json& expected) {
  const size_t depth = depth_of(expected);
  if (any_element(expected, [](const json& e) { return e.is_string(); }))
    return config.get<std::vector<std::string>>(key);
  if (any_element(expected, [](const json& e) { return e.is_number_float(); })) {
    if (depth == 1) return config.get<std::vector<double>>(key);
    return config.get<std::vector<std::vector<double>>>(key);
  }
  if (depth == 1) return config.get<std::vector<int>>(key);
  if (depth == 2) return config.get<std::vector<std::vector<int>>>(key);
  return config.get<std::vector<std::vector<std::vector<int>>>>(key);
}

// The value of a key by the getter for its type, or for the expected form where any type may stand.
inline json value_of(const Config& config, const std::string& key, const json& expected) {
  if (config.is_none(key)) return nullptr;
  const std::string& type = keys_by_name().at(key).type;
  if (type == "bool") return config.get<bool>(key);
  if (type == "int") return config.get<int64_t>(key);
  if (type == "string") return config.get<std::string>(key);
  if (type == "list" || expected.is_array()) return list_of(config, key, expected);
  return config.get<double>(key);
}

// A value of the golden files as it counts for the key: of texts only those of text keys stay
// texts.
inline json expected_value(const std::string& key, const json& stored) {
  if (stored.is_string() && keys_by_name().at(key).type != "string")
    return decode_python(stored.get<std::string>());
  return stored;
}

// KEY VALUE pairs of an entry such as {"RESNET.DEPTH": 50}, as a command line has them.
inline std::vector<std::string> pairs_of(const json& entry) {
  std::vector<std::string> pairs;
  for (const auto& [key, value] : entry.items()) {
    pairs.push_back(key);
    pairs.push_back(value.is_string()    ? value.get<std::string>()
                    : value.is_null()    ? "None"
                    : value.is_boolean() ? (value.get<bool>() ? "True" : "False")
                                         : value.dump());
  }
  return pairs;
}

}  // namespace sf
