// defaults.yaml holds every key of the original with its default and type.
#include <set>

#include <gtest/gtest.h>

#include "tests/configs/golden.h"

namespace sf {
namespace {

std::string type_of(const json& value) {
  if (value.is_boolean()) return "bool";
  if (value.is_number_integer()) return "int";
  if (value.is_number_float()) return "float";
  if (value.is_array()) return "list";
  if (value.is_null()) return "any";
  return value == "inf" || value == "-inf" ? "float" : "string";
}

TEST(Defaults, AreThoseOfTheOriginal) {
  const json original = golden_json("defaults.json");
  ASSERT_EQ(original.size(), 339u);
  const Config config;
  for (const auto& [key, stored] : original.items()) {
    const auto found = keys_by_name().find(key);
    ASSERT_NE(found, keys_by_name().end()) << key;
    EXPECT_EQ(found->second.type, type_of(stored)) << key;
    const json expected = expected_value(key, stored);
    EXPECT_EQ(value_of(config, key, expected), expected) << key;
  }
}

TEST(Defaults, OnlySectionSfHoldsOtherKeys) {
  const json original = golden_json("defaults.json");
  for (const KeyInfo& key : Config::keys())
    EXPECT_NE(original.contains(key.name), key.name.starts_with("SF.")) << key.name;
}

TEST(Defaults, AreValid) {
  Config config;
  const std::string before = config.dump();
  config.validate();
  EXPECT_EQ(config.dump(), before);
  EXPECT_TRUE(config.warnings().empty());
}

TEST(Defaults, EveryKeyStandsOnceAndIsExplained) {
  std::set<std::string> names;
  for (const KeyInfo& key : Config::keys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_FALSE(key.comment.empty()) << key.name;
    EXPECT_EQ(key.comment.find('|'), std::string::npos) << key.name << ": breaks a table";
  }
}

TEST(Defaults, TheListedDefaultSetsTheKey) {
  Config config;
  for (const KeyInfo& key : Config::keys()) {
    Config other;
    other.merge_text(key.name + ": None", "none");
    ASSERT_TRUE(other.is_none(key.name)) << key.name;
    other.merge_text(key.name + ": " + key.default_value, "default");
    EXPECT_TRUE(other == config) << key.name << ": " << key.default_value;
  }
}

}  // namespace
}  // namespace sf
