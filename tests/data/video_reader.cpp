#include "data/video_reader.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "data/video_writer.h"
#include "golden.h"
#include "kernels/base/counter_rng.h"
#include "kernels/base/error.h"
#include "temporary_folder.h"

namespace sf {
namespace {

using Indices = std::vector<int64_t>;

std::vector<uint8_t> bytes_of(const Tensor& t) {
  const auto s = t.span<uint8_t>();
  return {s.begin(), s.end()};
}

std::string reading_error(const std::string& path, VideoReaderOptions options = {}) {
  return message_of<Error>([&] { VideoReader(path, options).frame_count(); });
}

TEST(VideoReader, AnyAscendingIndicesGiveTheFramesOfTheWholeVideo) {
  for (const std::string name : {"test.avi", "short_32_frames.mp4"}) {
    VideoReader reader(golden_video(name));
    Indices all(32);
    std::iota(all.begin(), all.end(), 0);
    const Tensor whole = reader.frames(all);
    const int64_t frame = whole.numel() / 32;
    // Forwards, backwards, repeated, far apart, none.
    for (const Indices& indices : {Indices{3, 4, 9}, Indices{9, 9, 31}, Indices{0}, Indices{31, 31},
                                   Indices{5}, Indices{}}) {
      const Tensor some = reader.frames(indices);
      ASSERT_EQ(some.shape()[0], int64_t(indices.size()));
      for (size_t k = 0; k < indices.size(); ++k) {
        const uint8_t* wanted = whole.span<uint8_t>().data() + indices[k] * frame;
        EXPECT_TRUE(
            std::equal(wanted, wanted + frame, some.span<uint8_t>().data() + int64_t(k) * frame))
            << name << " frame " << indices[k];
      }
    }
  }
}

TEST(VideoReader, ThreadsChangeNoBit) {
  const Indices indices = {0, 7, 20, 31};
  VideoReader one(golden_video("short_32_frames.mp4"));
  VideoReader three(golden_video("short_32_frames.mp4"), {.threads = 3});
  EXPECT_EQ(bytes_of(one.frames(indices)), bytes_of(three.frames(indices)));
  EXPECT_EQ(three.frame_count(), 32);
}

TEST(VideoReader, FramesPastTheEndAreRefusedAndTheReaderStaysUsable) {
  VideoReader reader(golden_video("short_32_frames.mp4"));
  EXPECT_NE(message_of<Error>([&] {
              reader.frames(Indices{1, 32});
            }).find("wanted frame 32, found 32 frames"),
            std::string::npos);
  EXPECT_EQ(reader.visit(Indices{30, 31, 40}, [](size_t, const Picture&) {}), 2u);
  EXPECT_THROW(reader.frames(Indices{4, 3}), Error);
  EXPECT_THROW(reader.frames(Indices{-1}), Error);
  EXPECT_EQ(reader.frames(Indices{2}).shape(), (Shape{1, 256, 340, 3}));
}

TEST(VideoReader, WhatIsNoVideoIsNamed) {
  const TemporaryFolder folder;
  const auto has = [&](const std::string& path, const std::string& text) {
    const std::string message = reading_error(path);
    EXPECT_NE(message.find(text), std::string::npos) << path << ": " << message;
    EXPECT_EQ(message.find(path), 0u) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  };
  has((folder.path() / "absent.mp4").string(), "No such file");
  has(folder.path().string(), "found a folder");
  has(folder.write("empty.mp4", ""), "empty file");
  has(folder.write("text.mp4", "these are not the frames you are looking for\n"),
      "no known container");
  // Formats that name other files are none of ours.
  has(folder.write("list.mp4", "ffconcat version 1.0\nfile '" + golden_video("test.mp4") + "'\n"),
      "wanted a video");
  has(folder.write("list.m3u8",
                   "#EXTM3U\n#EXTINF:1,\n" + golden_video("test.mp4") + "\n#EXT-X-ENDLIST\n"),
      "wanted a video");
  has("http://localhost/video.mp4", "No such file");
  std::string noise;
  for (uint64_t i = 0; i < 5000; ++i) noise += char(CounterRng("noise").bits(i));
  has(folder.write("noise.mp4", noise), "wanted a video");
  has(folder.write("no_movie.mp4", std::string("\0\0\0\x10"
                                               "ftypisom\0\0\0\0\0\0\0\x08moov",
                                               24)),
      "wanted a video");
  has(golden_video("audio_only.avi"), "wanted a video stream, found none");
  const std::string pipe = (folder.path() / "pipe.mp4").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  has(pipe, "no regular file");
  has("/dev/zero", "no regular file");
}

TEST(VideoReader, HugePicturesAreRefused) {
  // IVF, VP8, one key frame of 16000x16000.
  std::string ivf = std::string("DKIF\0\0\x20\0VP80", 12) + std::string("\x80\x3e\x80\x3e", 4) +
                    std::string("\x1e\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0", 16) +
                    std::string("\x40\0\0\0\0\0\0\0\0\0\0\0", 12) +
                    std::string("\x10\x02\0\x9d\x01\x2a\x80\x3e\x80\x3e", 10);
  ivf.resize(32 + 12 + 64);
  const TemporaryFolder folder;
  const std::string message = reading_error(folder.write("huge.ivf", ivf));
  EXPECT_NE(message.find("wanted pictures of 1 to 67108864 pixels"), std::string::npos) << message;
  EXPECT_NE(
      reading_error(golden_video("test.mp4"), {.max_pixels = 340 * 256 - 1}).find("found 340x256"),
      std::string::npos);
  EXPECT_EQ(reading_error(golden_video("test.mp4"), {.max_pixels = 340 * 256}), "");
}

TEST(VideoReader, TruncatedFilesGiveWhatDecodes) {
  const TemporaryFolder folder;
  const std::string avi = file_content(golden_video("test.avi"));
  VideoReader reader(folder.write("half.avi", avi.substr(0, avi.size() / 2)));
  const int64_t frames = reader.frame_count();
  EXPECT_GT(frames, 40);
  EXPECT_LT(frames, 120);
  VideoReader whole(golden_video("test.avi"));
  EXPECT_EQ(bytes_of(reader.frames(Indices{0, 17, 30})),
            bytes_of(whole.frames(Indices{0, 17, 30})));
  // The index of these files is at their end.
  const std::string mp4 = file_content(golden_video("six_fps.mp4"));
  EXPECT_NE(reading_error(folder.write("half.mp4", mp4.substr(0, mp4.size() / 2))), "");
}

TEST(VideoReader, DamagedFilesEndInFramesOrAnError) {
  const TemporaryFolder folder;
  int decoded = 0;
  int refused = 0;
  for (const std::string name : {"short_32_frames.mp4", "test.avi"}) {
    const std::string intact = file_content(golden_video(name));
    for (uint64_t trial = 0; trial < 18; ++trial) {
      const CounterRng rng(trial);
      std::string damaged = intact;
      // In turn: within the first bytes, within the last, anywhere. That is where headers, indices
      // and pictures are.
      const size_t span = trial % 3 == 2 ? damaged.size() : 3000;
      for (uint64_t i = 0; i < (trial % 3 == 2 ? 40 : 1 + trial); ++i) {
        const size_t at = rng.bits(2 * i) % span;
        damaged[trial % 3 == 1 ? damaged.size() - 1 - at : at] = char(rng.bits(2 * i + 1));
      }
      const std::string path = folder.write("damaged", damaged);
      const auto start = std::chrono::steady_clock::now();
      int64_t frames = 0;
      const std::string message = message_of<Error>([&] {
        VideoReader reader(path, {.timeout_seconds = 20});
        frames = reader.frame_count();
        EXPECT_LE(reader.visit(Indices{0, 5}, [](size_t, const Picture&) {}), 2u);
      });
      EXPECT_TRUE(message.empty() || message.find(path) == 0) << message;
      EXPECT_LE(frames, 1000);
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(40))
          << name << " trial " << trial;
      ++(message.empty() && frames > 0 ? decoded : refused);
    }
  }
  // Both ends of the law are tried.
  EXPECT_GT(decoded, 0);
  EXPECT_GT(refused, 0);
}

TEST(VideoReader, TimeAndCancellationEndACall) {
  EXPECT_NE(
      reading_error(golden_video("test.mp4"), {.timeout_seconds = 0}).find("longer than 0 seconds"),
      std::string::npos);
  std::stop_source stop;
  VideoReader reader(golden_video("test.mp4"), {.cancel = stop.get_token()});
  const auto until_third = [&] {
    reader.visit(Indices{0, 1, 2, 3}, [&](size_t k, const Picture&) {
      ASSERT_LT(k, 3u);
      if (k == 2) stop.request_stop();
    });
  };
  EXPECT_NE(message_of<Error>(until_third).find("cancelled"), std::string::npos);
}

TEST(VideoWriter, WhatIsWrittenIsReadBack) {
  const TemporaryFolder folder;
  constexpr int kWidth = 52;  // no multiple of 8: the last columns count too
  constexpr int kHeight = 36;
  for (const std::string name : {"a.mp4", "b.mkv", "c.avi"}) {
    const auto path = folder.path() / name;
    VideoWriter writer(path, {.width = kWidth, .height = kHeight, .fps_num = 25, .quality = 1});
    std::vector<std::vector<uint8_t>> written;
    for (int frame = 0; frame < 20; ++frame) {
      std::vector<uint8_t> rgb;
      for (int y = 0; y < kHeight; ++y) {
        for (int x = 0; x < kWidth; ++x)
          rgb.insert(rgb.end(),
                     {uint8_t(40 + 3 * x), uint8_t(60 + 8 * frame), uint8_t(200 - 4 * y)});
      }
      writer.write({rgb.data(), kWidth * 3, kWidth, kHeight});
      written.push_back(std::move(rgb));
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    writer.finish();
    VideoReader reader(path);
    EXPECT_EQ(reader.info().fps, 25) << name;
    EXPECT_EQ(reader.expected_frames(), 20) << name;
    ASSERT_EQ(reader.frame_count(), 20) << name;
    for (int64_t frame : {0, 7, 19}) {
      const auto read = bytes_of(reader.frames(Indices{frame}));
      const auto& wanted = written[size_t(frame)];
      ASSERT_EQ(read.size(), wanted.size());
      double worst = 0;
      for (size_t i = 0; i < read.size(); ++i)
        worst = std::max(worst, std::abs(double(read[i]) - wanted[i]));
      // Colour at half the resolution of a slope of 8 levels a pixel pair, 8-bit YUV and hardly any
      // quantisation; the frames themselves are 8 levels apart.
      EXPECT_LE(worst, 16) << name << " frame " << frame;
    }
  }
}

TEST(VideoWriter, AnUnfinishedFileLeavesNothing) {
  const TemporaryFolder folder;
  const std::vector<uint8_t> black(32 * 32 * 3);
  {
    VideoWriter writer(folder.path() / "a.mp4", {.width = 32, .height = 32});
    writer.write({black.data(), 96, 32, 32});
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_THROW(VideoWriter(folder.path() / "odd.mp4", {.width = 33, .height = 32}), Error);
  EXPECT_THROW(VideoWriter(folder.path() / "absent/a.mp4", {.width = 32, .height = 32}), Error);
  EXPECT_THROW(VideoWriter(folder.path() / "a.unknown_ending", {.width = 32, .height = 32}), Error);
  VideoWriter writer(folder.path() / "a.mp4", {.width = 32, .height = 32});
  EXPECT_THROW(writer.write({black.data(), 96, 16, 32}), Error);
}

}  // namespace
}  // namespace sf
