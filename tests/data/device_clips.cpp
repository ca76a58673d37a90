// Clips made by a device's kernels of frames that the CPU decodes are those of the CPU.
#include "device_clips.h"

#include <numeric>

#include <gtest/gtest.h>

#include "data/frame_converter.h"
#include "data/video_reader.h"
#include "golden.h"
#include "kernels/base/counter_rng.h"
#include "kernels/base/error.h"
#include "temporary_folder.h"
#include "videos.h"

namespace sf {
namespace {

constexpr Device kSimt{.backend = Backend::simt};

// A frame of noise.
FrameHandle noise(AVPixelFormat format, int width, int height) {
  FrameHandle frame(ffmpeg().av_frame_alloc());
  frame->format = format;
  frame->width = width;
  frame->height = height;
  EXPECT_EQ(ffmpeg().av_frame_get_buffer(frame.get(), 0), 0);
  uint64_t i = 0;
  const CounterRng rng("frame");
  for (const AVBufferRef* plane : frame->buf)
    for (size_t at = 0; plane && at < plane->size; ++at) plane->data[at] = uint8_t(rng.bits(i++));
  return frame;
}

int most_difference(const Picture& a, const Picture& b) {
  int most = 0;
  for (int y = 0; y < a.height; ++y)
    for (int x = 0; x < 3 * a.width; ++x)
      most = std::max(most, std::abs(int(a.row(y)[x]) - int(b.row(y)[x])));
  return most;
}

struct Frame {
  AVPixelFormat format;
  int width, height;
};

// Also what the kernel does not take: an odd height, other layouts, another size than the video's.
TEST(DeviceClips, PicturesOfAnyFrameAreThoseOfTheCpu) {
  const Frame frames[] = {{AV_PIX_FMT_YUV420P, 340, 256}, {AV_PIX_FMT_YUVJ420P, 52, 36},
                          {AV_PIX_FMT_YUV420P, 53, 36},   {AV_PIX_FMT_YUV420P, 52, 37},
                          {AV_PIX_FMT_YUV444P, 52, 36},   {AV_PIX_FMT_YUV420P10, 52, 36},
                          {AV_PIX_FMT_GRAY8, 52, 36},     {AV_PIX_FMT_RGB24, 20, 10}};
  for (const Frame& f : frames) {
    if (f.width % 2 != 0 && colour_bound() > 0) continue;  // libswscale leaves out the last column
    const FrameHandle frame = noise(f.format, f.width, f.height);
    for (const PictureSize size : {PictureSize{f.height, f.width}, PictureSize{40, 60}}) {
      FrameConverter cpu("cpu", BatchMemory(0), {}),
          simt("simt", BatchMemory(0, kSimt), DeviceQueue(kSimt));
      for (int again = 0; again < 2; ++again)
        EXPECT_LE(
            most_difference(simt.run(*frame, f.format, size), cpu.run(*frame, f.format, size)),
            colour_bound())
            << f.format << " " << f.width << "x" << f.height << " to " << size.width;
    }
  }
}

TEST(DeviceClips, FramesOfVideosAreThoseOfTheCpu) {
  for (const std::string& name : golden_videos()) {
    VideoReader cpu(golden_video(name)),
        simt(golden_video(name), {.pictures = BatchMemory(0, kSimt)});
    const std::vector<int64_t> indices{0, 1, 9, 9, 20};
    const Tensor wanted = cpu.frames(indices), found = simt.frames(indices);
    ASSERT_EQ(found.shape(), wanted.shape());
    int most = 0;
    for (size_t i = 0; i < size_t(wanted.numel()); ++i)
      most = std::max(most, std::abs(wanted.span<uint8_t>()[i] - found.span<uint8_t>()[i]));
    EXPECT_LE(most, colour_bound()) << name;
  }
}

struct Mixed {
  TemporaryFolder folder;
  Videos dataset;

  Mixed() {
    const std::string avi = file_content(golden_video("test.avi"));
    dataset.add(golden_video("short_32_frames.mp4"));
    dataset.add(folder.write("text.mp4", "no video"));
    dataset.add(folder.write("half.avi", avi.substr(0, avi.size() / 2)));
    dataset.add(golden_video("six_fps.mp4"));
  }
};

TEST(DeviceClips, OfTestsAreThoseOfTheCpu) {
  const Mixed mixed;
  for (const int crops : {1, 3})
    for (const FrameOrder order : {FrameOrder::natural, FrameOrder::shuffled})
      for (const int workers : {0, 2})
        expect_test_clips(mixed.dataset,
                          {.sampling = {.num_frames = 8, .sampling_rate = 4},
                           .frame_order = order,
                           .views = 2,
                           .crops = crops,
                           .short_side = 48,
                           .crop_size = 40,
                           .normalization = {.reverse_channels = crops == 1},
                           .alpha = crops == 1 ? 0 : 4,
                           .workers = workers},
                          kSimt);
}

TEST(DeviceClips, OfTrainingsAreThoseOfTheCpu) {
  const Mixed mixed;
  TrainLoaderOptions options{.seed = 5,
                             .batches = {{.videos = 2, .crop = 40}},
                             .sampling = {.num_frames = 8, .sampling_rate = 4},
                             .jitter = {.min_short_side = 44, .max_short_side = 60},
                             .alpha = 4,
                             .workers = 2};
  expect_train_clips(mixed.dataset, options, kSimt);
  options.windows = options.copies = 2;
  options.frame_order = FrameOrder::single;  // the same picture again
  expect_train_clips(mixed.dataset, options, kSimt);
  options.jitter.relative = RelativeCrop{.motion_shift = true};
  options.sampling.sampling_rate = 8;  // longer than a video
  options.frame_order = FrameOrder::natural;
  options.workers = 0;
  expect_train_clips(mixed.dataset, options, kSimt);
}

TEST(DeviceClips, WhatChangesPicturesOrFinishedClipsWantsTheCpu) {
  const Videos videos;
  TrainLoaderOptions options{.device = kSimt};
  options.rand_augment.emplace();
  EXPECT_THROW(TrainLoader(videos, options), Error);
  options.rand_augment = {};
  options.random_erasing.emplace();
  try {
    const TrainLoader loader(videos, options);
    ADD_FAILURE() << "wanted a refusal";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "train loader: wanted clips made on the CPU (SF.DECODER cpu) with RandAugment, "
                 "random erasing or key frames, found simt");
  }
}

}  // namespace
}  // namespace sf
