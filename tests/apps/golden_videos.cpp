// From video files to scores: decoding, sampling, cropping and the network together, against the
// original's numbers.
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "apps/engine/inference.h"
#include "apps/engine/logging.h"
#include "apps/engine/tester.h"
#include "data/test_loader.h"
#include "models/weights.h"
#include "tests/apps/golden.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

const char* const kVideos[] = {"arm_wrestling.mp4", "short_32_frames.mp4", "six_fps.mp4",
                               "test.avi", "test.mp4"};

// A folder that goes away with the test.
struct TemporaryFolder {
  TemporaryFolder() : path(fs::temp_directory_path() / cat("sf_test_", getpid(), "_", counter++)) {
    fs::create_directories(path);
  }
  ~TemporaryFolder() { fs::remove_all(path); }
  fs::path path;
  static inline int counter = 0;
};

Config video_config(const fs::path& folder, const std::vector<std::string>& videos) {
  std::ofstream list(folder / "test.csv");
  for (size_t i = 0; i < videos.size(); ++i) list << videos[i] << " " << i << "\n";
  list.close();
  Config config = SmallCase("slowfast_4x16").config;
  config.set("SF.DEVICE", "cpu");
  config.set("DATA.PATH_TO_DATA_DIR", folder.string());
  config.set("DATA.PATH_PREFIX", (golden_dir() / "videos").string());
  config.set("OUTPUT_DIR", (folder / "out").string());
  config.set("DATA.SAMPLING_RATE", "4");  // what the stored clips were taken with
  config.set("TEST.NUM_ENSEMBLE_VIEWS", "4");
  config.set("TEST.NUM_SPATIAL_CROPS", "3");
  config.set("TEST.BATCH_SIZE", "5");  // divides neither the clips of a video nor all
  config.set("TEST.CHECKPOINT_FILE_PATH", "counter");
  return config;
}

// 2e-3 of a score: pixels may differ by a level or two where another FFmpeg rounds otherwise.
constexpr double kScoreTolerance = 2e-3;

TEST(GoldenVideos, EveryClipHasTheOriginalsScores) {
  const TemporaryFolder folder;
  const Config config = video_config(folder.path, {std::begin(kVideos), std::end(kVideos)});
  const auto model = make_model(config);
  fill_counter_weights(*model);
  const TestLoaderOptions loading = test_loader_options(config);
  Inference network(*model, loading.crop_size, {});
  const auto dataset = make_dataset("kinetics", Split::test, config);
  const Safetensors golden = read_safetensors(golden_dir() / "data" / "kinetics_test.safetensors");
  TestLoader loader(*dataset, loading);
  int clips = 0;
  while (auto item = loader.next()) {
    ASSERT_EQ(item->fault, "");
    const auto scores = network.run({item->pathways}).scores.clone();
    const std::string name =
        cat(kVideos[item->video], ".view", item->view, ".crop", item->crop, ".scores");
    const auto wanted = golden.at(name).span<float>();
    for (size_t c = 0; c < wanted.size(); ++c)
      ASSERT_NEAR(scores.span<float>()[c], wanted[c], kScoreTolerance) << name << " class " << c;
    ++clips;
  }
  EXPECT_EQ(clips, 5 * 4 * 3);
}

TEST(GoldenVideos, ATestSumsTheScoresOfAllClips) {
  const TemporaryFolder folder;
  Config config = video_config(folder.path, {std::begin(kVideos), std::end(kVideos)});
  config.set("TEST.SAVE_RESULTS_PATH", "scores.safetensors");
  start_log(folder.path / "out");
  test(config);
  const Safetensors golden = read_safetensors(golden_dir() / "data" / "kinetics_test.safetensors");
  const Safetensors found = read_safetensors(folder.path / "out" / "scores.safetensors");
  const auto scores = found.at("scores").span<float>();
  for (size_t v = 0; v < 5; ++v) {
    const auto wanted = golden.at(cat(kVideos[v], ".scores_sum")).span<float>();
    EXPECT_EQ(found.at("labels").span<int64_t>()[v], int64_t(v));
    for (size_t c = 0; c < wanted.size(); ++c)
      ASSERT_NEAR(scores[v * wanted.size() + c], wanted[c], 12 * kScoreTolerance)
          << kVideos[v] << " class " << c;
  }
}

TEST(GoldenVideos, ABrokenVideoIsNamedAndTheOthersCount) {
  const TemporaryFolder folder;
  std::ofstream(folder.path / "garbage.mp4") << "this is no video";
  Config config = video_config(
      folder.path, {"short_32_frames.mp4", (folder.path / "garbage.mp4").string(), "missing.mp4"});
  start_log(folder.path / "out");
  test(config);
  std::ifstream in(folder.path / "out" / "test_predictions.json");
  const auto json = nlohmann::json::parse(in);
  EXPECT_EQ(json["videos_counted"], 1);
  ASSERT_EQ(json["videos"].size(), 3u);
  EXPECT_FALSE(json["videos"][0].contains("error"));
  EXPECT_EQ(json["videos"][0]["clips"], 12);
  for (size_t v : {1, 2}) {
    ASSERT_TRUE(json["videos"][v].contains("error"));
    EXPECT_FALSE(json["videos"][v]["error"].get<std::string>().empty());
  }
  std::ifstream log(folder.path / "out" / "stdout.log");
  const std::string text{std::istreambuf_iterator<char>(log), {}};
  EXPECT_NE(text.find("garbage.mp4"), std::string::npos);
  EXPECT_NE(text.find("1 of 3 videos counted"), std::string::npos);
  EXPECT_NE(text.find("json_stats: {\"split\": \"test_final\""), std::string::npos);
}

}  // namespace
}  // namespace sf
