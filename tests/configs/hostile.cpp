// Texts made to break a reader end with one line.
#include <algorithm>

#include <gtest/gtest.h>

#include "configs/config.h"
#include "configs/yaml.h"
#include "tests/hang_guard.h"
#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

std::string repeat(size_t count, std::string_view text) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

std::string filled(std::string_view text) { return repeat(kMaxYamlBytes / text.size(), text); }

bool is_one_line(const std::string& text) {
  return std::ranges::none_of(text, [](char c) { return uint8_t(c) < 0x20 || c == 0x7f; });
}

// A list of eight aliases of a list of eight aliases of ...
std::string alias_bomb() {
  std::string out = "a: &a [x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'z'; ++c)
    out += cat(c, ": &", c, " [", repeat(7, cat("*", char(c - 1), ", ")), "*", char(c - 1), "]\n");
  return out;
}

// A text of 256 KiB, its values 64 times: 16 MiB.
std::string long_alias() {
  return "a: &a " + std::string(100000, 'x') + "\nb: [" + repeat(63, "*a, ") + "*a]\n";
}

TEST(HostileConfig, EndsWithOneLine) {
  const HangGuard guard;
  const struct {
    const char* name;
    std::string text;
    const char* error;
  } kCases[] = {
      {"1 MiB of brackets", std::string(1 << 20, '['), "wanted at most 256 KiB of YAML"},
      {"brackets", filled("["), "wanted at most 256 brackets open"},
      {"braces", filled("{a: "), "wanted at most 256 brackets open"},
      {"brackets that close", "a: [" + repeat(80000, "[],"), "wanted at most 65536 values"},
      {"nested lists", filled("- "), "wanted at most 32 levels"},
      {"nested maps", filled("? "), "wanted a name as key, found a map"},
      {"deep indentation",
       [] {
         std::string out;
         for (size_t i = 0; i < 700; ++i) out += std::string(i, ' ') + "a:\n";
         return out;
       }(),
       "wanted at most 32 levels"},
      {"a tab as indentation", "DATA:\n\tMEAN: 1\n", "hostile:2: "},
      {"wrong indentation", "TRAIN:\n  ENABLE: True\n   BATCH_SIZE: 8\n",
       "(is the indentation right?)"},
      {"alias bomb", alias_bomb(), "with all aliases expanded, found more"},
      {"alias of a long text", long_alias(), "with all aliases expanded, found more"},
      {"alias of itself", "a: &a [*a]", "wanted an alias of something complete"},
      {"alias of nothing", "a: *a", "wanted YAML"},
      {"garbage", "\x8f\xc4\x9a)\xd7\xf0:\xee\xb6{", "wanted keys and values"},
      {"high bytes", filled("\xff"), "wanted keys and values, found a single value"},
      {"NUL bytes", std::string(100, '\0'), "wanted text, found the byte 0"},
      {"a NUL byte", std::string("NUM_GPUS: 1\n\0", 13),
       "hostile:2: wanted text, found the byte 0"},
      {"UTF-16",
       std::string("\xff\xfe"
                   "a\0:\0",
                   6),
       "wanted text, found the byte 0"},
      {"an escape sequence", "\x1b[31m: 1", "wanted text, found the byte 27"},
      {"an escape in quotes", "\"\\e[31m\": 1", "'\\x1b[31m'"},
      {"a bad escape", "a: \"\\q\"", "unknown escape character: q"},
      {"a huge integer", "NUM_GPUS: " + std::string(100000, '9'), "wanted an integer, found .inf"},
      {"a huge exponent", "NUM_GPUS: 1e999999999999", "wanted an integer, found .inf"},
      {"a long text", "NUM_GPUS: " + std::string(100000, 'x'), "wanted an integer, found 'xxx"},
      {"a long key", std::string(1000, 'x') + ": 1", "wanted a key of the configuration"},
      {"a key of two lines", "\"a\\nb\": 1", "'a\\nb': wanted a key"},
      {"a list as key", "[a]: 1", "wanted a name as key, found a list"},
      {"an alias of a list as key", "RESNET: {DEPTH: &a [1]}\n? *a\n: 1",
       "found an alias of a list"},
      {"no section", "<<: 3", "<<: wanted a map, found something else"},
      {"a list", "- a\n", "wanted keys and values, found a list"},
      {"a single value", "NUM_GPUS:1", "wanted keys and values, found a single value"},
      {"two documents", "NUM_GPUS: 1\n---\nNUM_GPUS: 2\n", "wanted one YAML document, found two"},
      {"many documents", filled("---\n"), "wanted one YAML document, found two"},
      {"a tag", "NUM_GPUS: !!python/object/apply:os.system [ls]", "wanted a value without a tag"},
      {"a base without a file", "_BASE_: a.yaml", "'_BASE_': wanted a key of the configuration"},
      {"open quotes", "OUTPUT_DIR: \"" + std::string(1000, 'a'), "wanted YAML"},
      {"many nothings", "a: [" + repeat(70000, "~,") + "]", "wanted at most 65536 values"},
      {"many empty keys", filled("a:\n"), "wanted at most 65536 values"},
  };
  for (const auto& [name, text, error] : kCases) {
    const std::string message = error_of([&text = text] { Config().merge_text(text, "hostile"); });
    EXPECT_TRUE(message.starts_with("hostile:")) << name << ": " << message;
    EXPECT_NE(message.find(error), std::string::npos) << name << ": " << message;
    EXPECT_TRUE(is_one_line(message)) << name << ": " << message;
    EXPECT_LT(message.size(), 250u) << name;
  }
}

TEST(HostileConfig, WarningsAreOneLineEach) {
  Config config;
  config.merge_text("\"PREFETCH.a\\nb\": 1\n\"PREFETCH.a\\nb\": 1\n", "two\nlines");
  ASSERT_EQ(config.warnings().size(), 2u);
  for (const std::string& warning : config.warnings()) {
    EXPECT_TRUE(is_one_line(warning)) << warning;
    EXPECT_TRUE(warning.starts_with("two\\nlines:2: ")) << warning;
  }
  config.set("PREFETCH.a\nb", "1");
  EXPECT_EQ(config.warnings().back(), "PREFETCH.a\\nb: has no effect");
}

TEST(HostileConfig, KeysAndValuesOfACommandLineStayOnOneLine) {
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"NUM_GPUS", "a\nb"},
                                                        {"NUM\nGPUS", "1"},
                                                        {"NUM_GPUS", std::string("\0\x1b", 2)},
                                                        {"", ""},
                                                        {"NUM_GPUS", std::string(1 << 20, '[')},
                                                        {".", "1"},
                                                        {"RESNET.", "1"}}) {
    const std::string error = error_of([&key = key, &value = value] { Config().set(key, value); });
    EXPECT_FALSE(error.empty()) << key;
    EXPECT_TRUE(is_one_line(error)) << error;
    EXPECT_LT(error.size(), 250u) << error;
  }
}

// Every value that a key without a type takes, made of pieces that mean something to one of the
// readers.
TEST(HostileConfig, WhateverIsTakenIsDumpedAndReadAgain) {
  const HangGuard guard;
  constexpr std::string_view kPieces[] = {
      "[",     "]",    "(",   ")",   ",",      "'",   "\"",       "\\",   "\\n",
      "\\x41", " ",    "\n ", ": ",  "#",      " #",  "- ",       "? ",   "{",
      "}",     "&a ",  "*a",  "!",   "!!str ", "|",   ">",        "%",    "@",
      "`",     "1",    "-1",  "0.5", "1e5",    "010", "0x1f",     ".inf", ".nan",
      "None",  "null", "~",   "yes", "True",   "a",   "\xc3\xa9", "\xff", "\xe2\x80\xa8",
      "\t",    "=",    "<<",  "e",   "1_0",    "''"};
  const CounterRng rng("pieces");
  uint64_t draw = 0;
  const auto below = [&](uint64_t limit) { return rng.bits(draw++) % limit; };
  int taken = 0;
  for (int i = 0; i < 600; ++i) {
    std::string text;
    for (uint64_t left = 1 + below(7); left > 0; --left) text += kPieces[below(std::size(kPieces))];
    Config config;
    const std::string error = error_of([&] {
      config.merge_text(
          cat("SOLVER:\n  CLIP_GRAD_VAL: ", text, "\n  CLIP_GRAD_L2NORM: [", text, "]"), "pieces");
    });
    EXPECT_TRUE(is_one_line(error)) << text;
    if (!error.empty()) continue;
    ++taken;
    Config again;
    again.merge_text(config.dump(), "dump");
    // Not the values: not-a-number equals nothing.
    EXPECT_EQ(again.dump(), config.dump()) << text;
  }
  EXPECT_GT(taken, 60);
}

}  // namespace
}  // namespace sf
