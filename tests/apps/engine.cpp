// The pieces of a test run.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "apps/engine/logging.h"
#include "apps/engine/pickle_writer.h"
#include "apps/engine/results.h"
#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

using namespace std::string_literals;

TEST(Log, JsonStatsAreTheOriginals) {
  EXPECT_EQ(format_json_stats({{"split", "test_iter"}, {"cur_iter", "3"}, {"time_diff", 0.125}}),
            R"(json_stats: {"cur_iter": "3", "split": "test_iter", "time_diff": 0.12500})");
}

TEST(Log, DurationsAreThoseOfPython) {
  EXPECT_EQ(format_duration(0), "0:00:00");
  EXPECT_EQ(format_duration(3661.9), "1:01:01");
  EXPECT_EQ(format_duration(86400), "1 day, 0:00:00");
  EXPECT_EQ(format_duration(2 * 86400 + 59), "2 days, 0:00:59");
}

TEST(Results, TheTableListsTheClassesThatOccur) {
  ViewEnsemble ensemble(3, 1, 3, Ensemble::sum);
  ensemble.add(0, 0, 0, std::vector{0.7f, 0.2f, 0.1f});
  ensemble.add(1, 0, 0, std::vector{0.2f, 0.7f, 0.1f});
  ensemble.add(2, 0, 2, std::vector{0.1f, 0.2f, 0.7f});
  TestResults results{.videos = {{"a", 0, ""}, {"b", 0, ""}, {"c", 2, ""}},
                      .class_names = {"run", "jump", "fall"},
                      .ensemble = &ensemble,
                      .accuracy = accuracy(ensemble)};
  EXPECT_EQ(per_class_table(results),
            "class  videos   top-1   top-5\n"
            "run         2   50.00  100.00\n"
            "fall        1  100.00  100.00\n"
            "all         3   66.67  100.00\n");
}

TEST(Results, ClassNamesComeFromTextOrJson) {
  const TemporaryFolder folder;
  const auto names = [&](const char* file, std::string_view content) {
    write_bytes(folder / file, content);
    return read_class_names(folder / file, 3);
  };
  const std::vector<std::string> wanted{"run", "jump", "fall"};
  EXPECT_EQ(names("a.txt", "run\njump\nfall\n"), wanted);
  EXPECT_EQ(names("a.json", R"({"jump": 1, "run": 0, "fall": 2})"), wanted);
}

TEST(Results, ClassNamesThatLieAreOneLine) {
  const TemporaryFolder folder;
  const auto expect_refusal = [&](std::string_view wanted, const std::string& content) {
    const auto path = folder / "a.json";
    write_bytes(path, content);
    EXPECT_EQ(error_of([&] { read_class_names(path, 3); }), cat(path.string(), ": ", wanted));
  };
  std::string deep;
  for (int i = 0; i < 1000000; ++i) deep += '[';
  expect_refusal("JSON is nested deeper than 16", R"({"a": )" + deep);
  expect_refusal("not JSON at byte 2", "{run");
  expect_refusal("wanted a JSON object {\"name\": number}", "[1]");
  expect_refusal("wanted a number below 3 for 'a\\x0ab', found 3", R"({"a\nb": 3})");
  expect_refusal("wanted a number below 3 for 'a', found -1", R"({"a": -1})");
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_NE(error_of([&] { read_class_names(folder / "pipe", 3); }).find("found a pipe"),
            std::string::npos);
}

// [scores, labels] as pickle.load of Python 3 and NumPy takes it, opcode by opcode (pickletools).
TEST(Pickle, HoldsNumPyArrays) {
  const std::string encode_b = "c_codecs\nencode\nX\x01"s + "\0\0\0bX\x06\0\0\0latin1\x86R"s;
  const auto integer = [](int64_t v) {
    return "\x8a\x08"s + std::string(reinterpret_cast<const char*>(&v), 8);
  };
  const std::string wanted =
      "\x80\x02]cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n("s + integer(0) + "t" +
      encode_b + "\x87R(" + integer(1) + "(" + integer(1) +
      "tcnumpy\ndtype\nX\x02\0\0\0f4\x89\x88\x87R("s + integer(3) + "X\x01\0\0\0<NNN"s +
      integer(-1) + integer(-1) + integer(0) + "tb\x89" +
      "c_codecs\nencode\nX\x05\0\0\0\0\0\xc3\x80?X\x06\0\0\0latin1\x86Rtba."s;
  EXPECT_EQ(pickled_arrays({Tensor::from(std::vector{1.5f}, {1})}), wanted);
}

}  // namespace
}  // namespace sf
