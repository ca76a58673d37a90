// What a dump says is what a configuration holds.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/configs/config_of.h"

namespace sf {
namespace {

// The text as a Python literal, so that it stays a text whatever it looks like.
std::string literal_of(std::string_view text) {
  std::string literal = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') literal += '\\';
    literal += c == '\n' ? "\\n" : std::string(1, c);
  }
  return literal + "'";
}

TEST(Dump, HoldsInfinitiesAndOddTextsAndReadsBack) {
  Config config;
  EXPECT_NE(config.dump().find("\n  DELTA_CLIPS_MIN: -.inf\n  DELTA_CLIPS_MAX: .inf\n"),
            std::string::npos);
  for (const char* const text :
       {"",     " ",    "None", "True", "yes", "1e-4", "010",  "(1, 2)", "'a'",   "\"a\"",
        "a: b", "a #b", "- a",  "[",    "~",   "null", ".inf", "a\nb",   "a\tb",  "\x01",
        "\\",   "é",    "{a}",  "%a",   "@a",  "!a",   "&a",   "*a",     "|",     ">",
        "---",  "...",  "?",    "a,b",  "=",   "<<",   "0x1F", "1_000",  "C:\\x", "''"}) {
    config = Config();
    const std::string literal = literal_of(text);
    config.set("OUTPUT_DIR", literal);
    ASSERT_EQ(config.get<std::string>("OUTPUT_DIR"), text);
    config.merge_pairs(Pairs{"TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN", cat("[", literal, ", 1]"),
                             "SOLVER.CLIP_GRAD_VAL", literal});
    const Config again = config_of(config.dump());
    EXPECT_TRUE(again == config) << "text: " << text;
    EXPECT_EQ(again.get<std::string>("OUTPUT_DIR"), text);
  }
}

TEST(Dump, HoldsEveryDigitAndEveryLevel) {
  Config config;
  std::string deepest(16, '[');
  deepest += "0.1" + std::string(16, ']');
  config.merge_pairs(Pairs{"SOLVER.BASE_LR", "0.1000000000000000055511151231257827", "DATA.MEAN",
                           "[5e-324, 1.7976931348623157e308, 1e22, -0.0, 1e999, 3]", "RNG_SEED",
                           "9223372036854775807", "TENSORBOARD.MODEL_VIS.GRAD_CAM.LAYER_LIST",
                           deepest});
  const Config again = config_of(config.dump());
  EXPECT_TRUE(again == config);
  EXPECT_EQ(again.dump(), config.dump());
  EXPECT_TRUE(std::signbit(again.get<std::vector<double>>("DATA.MEAN")[3]));
}

TEST(Dump, SettingsStandInALineEach) {
  Config config;
  config.set("SOLVER.BASE_LR", "0.25");
  const std::string settings = "\n" + config.settings();
  EXPECT_NE(settings.find("\nSOLVER.BASE_LR: 0.25\n"), std::string::npos);
  EXPECT_EQ(size_t(std::count(settings.begin(), settings.end(), '\n')), Config::keys().size() + 1);
}

}  // namespace
}  // namespace sf
