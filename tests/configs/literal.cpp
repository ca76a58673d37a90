// Python literals, as the original decodes every text with them.
#include "configs/literal.h"

#include <limits>

#include <gtest/gtest.h>

namespace sf {
namespace {

ConfigValue integer(int64_t value) { return {value}; }
ConfigValue number(double value) { return {value}; }
ConfigValue text(const char* value) { return {std::string(value)}; }
ConfigValue list(ConfigList values) { return {std::move(values)}; }

struct Case {
  const char* literal;
  ConfigValue value;
};

void expect_values(std::initializer_list<Case> cases) {
  for (const auto& [literal, value] : cases) {
    const auto found = parse_literal(literal);
    ASSERT_TRUE(found) << literal;
    EXPECT_EQ(*found, value) << literal << " gave " << message_text(*found);
    EXPECT_EQ(decode_literal(literal), value) << literal;
  }
}

// What Python's literal_eval refuses, and sets, bytes and comments, which no key takes.
void expect_texts(std::initializer_list<const char*> texts) {
  for (const char* const literal : texts) {
    const auto found = parse_literal(literal);
    EXPECT_FALSE(found) << literal << " gave " << message_text(*found);
    EXPECT_EQ(decode_literal(literal), text(literal)) << literal;
  }
}

TEST(Literal, Numbers) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  expect_values({
      {"0", integer(0)},
      {"00", integer(0)},
      {"8", integer(8)},
      {"-8", integer(-8)},
      {"+8", integer(8)},
      {"- 8", integer(-8)},
      {"1_000_000", integer(1000000)},
      {"0x1F", integer(31)},
      {"-0X1f", integer(-31)},
      {"0o17", integer(15)},
      {"0b101", integer(5)},
      {"9223372036854775807", integer(std::numeric_limits<int64_t>::max())},
      {"9223372036854775808", number(9223372036854775808.0)},
      {"1e-4", number(1e-4)},
      {"1E5", number(1e5)},
      {"5e-2", number(0.05)},
      {"-1.5e+3", number(-1500)},
      {".5", number(0.5)},
      {"5.", number(5)},
      {"09.5", number(9.5)},
      {"1_0.2_5", number(10.25)},
      {"1e999", number(kInfinity)},
      {"-1e999", number(-kInfinity)},
      {"1e-999", number(0)},
      {"0.1", number(0.1)},
  });
  expect_texts({"007", "1__0", "_1",  "1_", "1e", "1e+", "1.5.2", "0x",  "0xG",  "0b2", "0o8",
                "1d",  "2d",   "--1", "+",  ".",  "1 2", "inf",   "nan", ".inf", "1-2", "3j"});
}

TEST(Literal, ATrailingCommaMakesATuple) {
  expect_values({
      {"(3, 7, 7)", list({integer(3), integer(7), integer(7)})},
      {"(0.9, 0.95)", list({number(0.9), number(0.95)})},
      {"3, 7", list({integer(3), integer(7)})},
      {"3,", list({integer(3)})},
      {"(3,)", list({integer(3)})},
      {"(3)", integer(3)},
      {"((3))", integer(3)},
      {"[3]", list({integer(3)})},
      {"[3,]", list({integer(3)})},
      {"[]", list({})},
      {"()", list({})},
      {"[ ]", list({})},
      {"(\"backbone.\",)", list({text("backbone.")})},
  });
  expect_texts({"", ",", "(,)", "[,]", "[1,,2]", "[1 2]", "(1 2)", "[1", "1]", "(1]", "[1)", "]"});
}

TEST(Literal, ListsNest) {
  expect_values({
      {"[[[]], [[1, 3]], [[1, 3, 5]], [[]]]",
       list({list({list({})}), list({list({integer(1), integer(3)})}),
             list({list({integer(1), integer(3), integer(5)})}), list({list({})})})},
      {"[(1, 2.0), None, [True, 'x']]",
       list({list({integer(1), number(2)}), {}, list({ConfigValue{true}, text("x")})})},
  });
}

TEST(Literal, NestingEndsAt16) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + "7" + std::string(depth, ']');
  };
  ConfigValue expected = integer(7);
  for (int i = 0; i < 16; ++i) expected = list({expected});
  EXPECT_EQ(parse_literal(nested(16)), expected);
  EXPECT_FALSE(parse_literal(nested(17)));
  EXPECT_FALSE(parse_literal(std::string(1 << 20, '[')));
  EXPECT_FALSE(parse_literal(std::string(1 << 20, '(')));
}

TEST(Literal, WordsAndStrings) {
  expect_values({
      {"None", {}},
      {"True", {true}},
      {"False", {false}},
      {" True ", {true}},
      {"'a'", text("a")},
      {"\"a\"", text("a")},
      {"''", text("")},
      {"'it\\'s'", text("it's")},
      {"\"it's\"", text("it's")},
      {"'a' \"b\"", text("ab")},
      {"u'x'", text("x")},
      {"r'\\n'", text("\\n")},
      {"'\\n\\t\\\\'", text("\n\t\\")},
      {"'\\x41\\101'", text("AA")},
      {"'\\u00e9'", text("é")},
      {"'\\U0001F600'", text("😀")},
      {"'\\d'", text("\\d")},
      {"'1e-4'", text("1e-4")},
  });
  expect_texts({"none",        "true",    "TRUE", "yes", "null",     "kinetics",
                "'a",          "a'",      "'a\"", "'\\", "'\\x4'",   "'\\ud800'",
                "'\\N{DASH}'", "b'x'",    "f'x'", "{1}", "{'a': 1}", "True False",
                "'a' b",       "1 # one", "a, b", "[a]", "Nonesuch", "rand-m9-mstd0.5-inc1"});
}

TEST(Literal, ANulByteIsNoEnd) {
  using namespace std::string_view_literals;
  EXPECT_FALSE(parse_literal("1\0"sv));
  EXPECT_FALSE(parse_literal("[1]\0]"sv));
  EXPECT_EQ(parse_literal("'a\0b'"sv), ConfigValue{std::string("a\0b", 3)});
}

}  // namespace
}  // namespace sf
