#include "data/kept_decoders.h"

#include <numeric>

#include <gtest/gtest.h>

#include "data/video_reader.h"
#include "golden.h"
#include "kernels/base/error.h"
#include "moving_video.h"
#include "temporary_folder.h"

namespace sf {
namespace {

using Indices = std::vector<int64_t>;

std::vector<uint8_t> window(VideoReader& reader, const Indices& indices) {
  std::vector<uint8_t> bytes;
  reader.visit_window(indices, [&](size_t, const Picture& picture) {
    for (int y = 0; y < picture.height; ++y) {
      const uint8_t* row = picture.data + y * picture.stride;
      bytes.insert(bytes.end(), row, row + 3 * picture.width);
    }
  });
  return bytes;
}

// A window in the middle, the start, and, so that the decoder has been at its end, all frames.
std::vector<std::vector<uint8_t>> windows(const std::string& path,
                                          const std::shared_ptr<KeptDecoders>& decoders) {
  VideoReader reader(path, {.decoders = decoders});
  std::vector<std::vector<uint8_t>> all;
  for (const Indices& indices : {Indices{17, 19, 21, 23}, Indices{0, 1}})
    all.push_back(window(reader, indices));
  Indices whole(size_t(reader.frame_count()));
  std::iota(whole.begin(), whole.end(), 0);
  const Tensor frames = reader.frames(whole);
  all.emplace_back(frames.span<uint8_t>().begin(), frames.span<uint8_t>().end());
  return all;
}

TEST(KeptDecoders, GiveEachVideoTheFramesOfANewDecoder) {
  const TemporaryFolder folder;
  std::vector<std::string> paths;
  for (const int speed : {1, 2, 3})
    paths.push_back(write_moving_video(folder.path() / (std::to_string(speed) + ".mp4"), 40,
                                       {.key_frame_interval = 12, .open_groups = true}, speed));
  paths.push_back(golden_video("short_32_frames.mp4"));
  paths.push_back(golden_video("test.avi"));
  const auto kept = std::make_shared<KeptDecoders>(8);
  for (int round = 0; round < 2; ++round)
    for (const std::string& path : paths)
      EXPECT_EQ(windows(path, kept), windows(path, nullptr)) << path << " round " << round;
  EXPECT_EQ(kept->size(), 3u);  // one for the three videos of one kind
}

// From key frame to key frame without an end, forwards and backwards, in turn between two videos.
TEST(KeptDecoders, GoOnFromKeyFramesWithTheFramesOfANewDecoder) {
  const TemporaryFolder folder;
  const auto kept = std::make_shared<KeptDecoders>(8);
  for (const bool open_groups : {false, true}) {
    std::vector<std::string> paths;
    for (const int speed : {1, 2})
      paths.push_back(write_moving_video(folder.path() / (cat(speed, open_groups) + ".mp4"), 90,
                                         {.key_frame_interval = 12, .open_groups = open_groups},
                                         speed));
    for (const Indices& indices :
         {Indices{50, 52}, Indices{3, 9}, Indices{80, 81}, Indices{14}, Indices{30, 60}})
      for (const std::string& path : paths) {
        VideoReader with(path, {.decoders = kept}), alone(path);
        EXPECT_EQ(window(with, indices), window(alone, indices)) << path << " " << indices[0];
        EXPECT_EQ(window(with, {40, 41}), window(alone, {40, 41})) << path << " " << indices[0];
        EXPECT_EQ(with.decoded_frames(), alone.decoded_frames()) << path << " " << indices[0];
      }
  }
}

TEST(KeptDecoders, OfOneKindServeOneVideoAtATime) {
  const TemporaryFolder folder;
  const std::string path = write_moving_video(folder.path() / "a.mp4", 30, {});
  const auto kept = std::make_shared<KeptDecoders>(1);
  const auto alone = window(*std::make_unique<VideoReader>(path), {3, 5, 20});
  {
    VideoReader first(path, {.decoders = kept}), second(path, {.decoders = kept});
    EXPECT_EQ(window(first, {3, 5, 20}), alone);
    EXPECT_EQ(window(second, {3, 5, 20}), alone);
  }
  EXPECT_EQ(kept->size(), 1u);
  VideoReader third(path, {.decoders = kept});
  EXPECT_EQ(kept->size(), 0u);
  VideoReader fourth(golden_video("test.avi"), {.decoders = kept});
  EXPECT_EQ(window(third, {3, 5, 20}), alone);
}

TEST(KeptDecoders, AreNoneThatHaveMetAnError) {
  const TemporaryFolder folder;
  const std::string path = write_moving_video(folder.path() / "a.mp4", 30, {});
  std::string bytes = file_content(path);
  for (size_t i = bytes.size() / 4; i < bytes.size() / 2; ++i) bytes[i] = char(0xff);
  const std::string damaged = folder.write("damaged.mp4", bytes);
  const auto kept = std::make_shared<KeptDecoders>(4);
  try {
    VideoReader reader(damaged, {.decoders = kept});
    EXPECT_LT(reader.frame_count(), 30);
  } catch (const Error&) {}
  EXPECT_EQ(kept->size(), 0u);
}

}  // namespace
}  // namespace sf
