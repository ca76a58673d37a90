// YAML text as a tree, and its scalars as YAML 1.1 has them.
#include "configs/yaml.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

using Kind = ConfigValue::Kind;

// The value of the key `a` of the text.
ConfigValue value_of_a(const std::string& text) {
  const YamlDocument document = parse_yaml(text, "text");
  for (const YamlEntry& entry : document.root.entries)
    if (entry.key == "a") return value_of(entry.value);
  throw Error("text has no key a");
}

TEST(Yaml, PlainScalars) {
  for (const char* const yes : {"yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"})
    EXPECT_EQ(resolve_plain(yes), ConfigValue{true}) << yes;
  for (const char* const no : {"no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"})
    EXPECT_EQ(resolve_plain(no), ConfigValue{false}) << no;
  for (const char* const none : {"", "~", "null", "Null", "NULL"})
    EXPECT_EQ(resolve_plain(none), ConfigValue{}) << none;
  for (const char* const text : {"tRue", "yEs", "y", "n", "None", "nan", "inf", "1.5.2", "2d", "="})
    EXPECT_EQ(resolve_plain(text), ConfigValue{std::string(text)}) << text;

  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(resolve_plain(".inf"), ConfigValue{kInfinity});
  EXPECT_EQ(resolve_plain("-.INF"), ConfigValue{-kInfinity});
  EXPECT_TRUE(std::isnan(std::get<double>(resolve_plain(".nan").data)));
  EXPECT_EQ(resolve_plain("010"), ConfigValue{int64_t{8}});
  EXPECT_EQ(resolve_plain("-010"), ConfigValue{int64_t{-8}});
  EXPECT_EQ(resolve_plain("0x1F"), ConfigValue{int64_t{31}});
  EXPECT_EQ(resolve_plain("1_000"), ConfigValue{int64_t{1000}});
  EXPECT_EQ(resolve_plain("1e-4"), ConfigValue{1e-4});
}

TEST(Yaml, TextsAreDecodedAsLiteralsButNotInsideLists) {
  EXPECT_EQ(value_of_a("a: (3, 7)"), (ConfigValue{ConfigList{{int64_t{3}}, {int64_t{7}}}}));
  EXPECT_EQ(value_of_a("a: '1e-4'"), ConfigValue{1e-4});
  EXPECT_EQ(value_of_a("a: None"), ConfigValue{});
  EXPECT_EQ(value_of_a("a: \"'yes'\""), ConfigValue{std::string("yes")});
  EXPECT_EQ(value_of_a("a: 'yes'"), ConfigValue{std::string("yes")});
  EXPECT_EQ(value_of_a("a: ['(3, 7)', 'None', 1e-4]"),
            (ConfigValue{ConfigList{{std::string("(3, 7)")}, {std::string("None")}, {1e-4}}}));
}

TEST(Yaml, OneValueInManyNotations) {
  const ConfigValue expected{ConfigList{{int64_t{1}}, {std::string("b c")}}};
  for (const char* const text :
       {"a: [1, b c]", "a:\n- 1\n- b c\n", "a:\n  - 1\n  - 'b c'\n", "{a: [1, \"b c\"]}",
        "a: [1,\n    b\n    c]", "a: !!python/tuple [1, b c]", "a: [!!int 1, !!str b c]",
        "--- # a comment\na: [1, b c] # and another\n...\n", "\uFEFFa: [1, b c]\r\n"})
    EXPECT_EQ(value_of_a(text), expected) << text;
  EXPECT_EQ(value_of_a("a: >-\n  b\n  c\n"), ConfigValue{std::string("b c")});
  EXPECT_EQ(value_of_a("a: |-\n  b\n  c\n"), ConfigValue{std::string("b\nc")});
}

TEST(Yaml, OfAKeyGivenTwiceTheLastValueCounts) {
  const YamlDocument document = parse_yaml("a: 1\nb: 2\na: 3\n", "text");
  ASSERT_EQ(document.root.entries.size(), 2u);
  EXPECT_EQ(value_of(document.root.entries[0].value), ConfigValue{int64_t{3}});
  ASSERT_EQ(document.warnings.size(), 1u);
  EXPECT_EQ(document.warnings[0], "text:3: 'a' stands in line 1 already; the last value counts");
}

TEST(Yaml, AliasesStandForTheirAnchors) {
  const YamlDocument document =
      parse_yaml("base: &base\n  x: 1\n  y: &y [2]\nz: *y\nmore:\n  x: 5\n  <<: *base\n", "text");
  EXPECT_EQ(value_of(document.root.entries[1].value), (ConfigValue{ConfigList{{int64_t{2}}}}));
  const auto& more = document.root.entries[2].value.entries;
  ASSERT_EQ(more.size(), 2u);
  EXPECT_EQ(more[0].key, "x");
  EXPECT_EQ(value_of(more[0].value), ConfigValue{int64_t{5}});
  EXPECT_EQ(more[1].key, "y");
  EXPECT_TRUE(document.warnings.empty());
}

TEST(Yaml, AnEmptyTextIsAnEmptyMap) {
  for (const char* const text : {"", "\n", "# nothing\n", "---\n", "~", "null\n", "{}"})
    EXPECT_TRUE(parse_yaml(text, "text").root.entries.empty()) << text;
}

TEST(Yaml, NestingEndsAt32HoweverItIsWritten) {
  const auto nested = [](size_t depth) {  // the map of `a` is one of the levels
    return "a: " + std::string(depth - 1, '[') + std::string(depth - 1, ']');
  };
  EXPECT_EQ(value_of_a(nested(32)).kind(), Kind::list);
  EXPECT_EQ(error_of([&] { parse_yaml(nested(33), "text"); }),
            "text:1: wanted at most 32 levels, found more");

  std::string aliases = "a0: &a0 [1]\n";
  for (int i = 1; i < 31; ++i)
    aliases += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" +
               std::to_string(i - 1) + "]\n";
  EXPECT_EQ(parse_yaml(aliases, "text").root.entries.size(), 31u);
  EXPECT_EQ(error_of([&] { parse_yaml(aliases + "a: [*a30]", "text"); }),
            "text:32: wanted at most 32 levels, found more");
}

}  // namespace
}  // namespace sf
