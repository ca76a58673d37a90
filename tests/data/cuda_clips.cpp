// Clips made on a CUDA device are those of the CPU: on a GPU, of frames that its decoder gives, or
// on its stand-in, of frames that the CPU decodes.
#include <mutex>

#include <gtest/gtest.h>

#include "data/cuda_decoder.h"
#include "data/video_reader.h"
#include "data/video_writer.h"
#include "device_clips.h"
#include "golden.h"
#include "kernels/base/counter_rng.h"
#include "kernels/base/cuda/runtime.h"
#include "kernels/base/warning.h"
#include "moving_video.h"
#include "temporary_folder.h"
#include "videos.h"

namespace sf {
namespace {

constexpr Device kCuda{.backend = Backend::cuda};

// H.264 with frames between others; a texture that moves. 340 is no multiple of 16, so that the
// stored pictures are wider than the shown ones.
std::string write_video(const std::string& path, int frames) {
  constexpr int kWidth = 340, kHeight = 256;
  VideoWriter writer(path, {.width = kWidth, .height = kHeight, .key_frame_interval = 20});
  const CounterRng rng("texture");
  std::vector<uint8_t> rgb(size_t(kWidth) * kHeight * 3);
  for (int frame = 0; frame < frames; ++frame) {
    for (int i = 0; i < int(rgb.size()); ++i) {
      const int x = i / 3 % kWidth + 3 * frame, y = i / 3 / kWidth + frame;
      const auto cell = uint64_t(x / 8) * 4096 + uint64_t(y / 8);
      rgb[size_t(i)] = uint8_t(x / 2 + y / 3 + i % 3 * 40 + int(rng.bits(cell) % 64));
    }
    writer.write({rgb.data(), int64_t{3} * kWidth, kWidth, kHeight});
  }
  writer.finish();
  return path;
}

// What was warned of while it lives.
class Warnings {
 public:
  Warnings() {
    before_ = listen_to_warnings([this](const std::string& text) {
      const std::lock_guard lock(mutex_);
      all_ += text + "\n";
    });
  }
  ~Warnings() { listen_to_warnings(before_); }
  std::string all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  std::string all_;
  WarningListener before_;
};

class CudaClips : public ::testing::Test {
 protected:
  void SetUp() override {
    if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
    for (const char* name : {"a.mp4", "b.mkv"})
      videos_.add(write_video((folder_.path() / name).string(), 70));
  }

  TemporaryFolder folder_;
  Videos videos_;
};

// Decoding H.264 is exact, so the frames are the same, and no warning tells of the CPU's decoder.
TEST_F(CudaClips, TheDecoderGivesTheFramesOfTheCpu) {
  if (const std::string fault = cuda_decoder_fault(); !fault.empty()) GTEST_SKIP() << fault;
  const Warnings warnings;
  VideoReader cpu(videos_.video(0).path),
      cuda(videos_.video(0).path, {.pictures = BatchMemory(0, kCuda)});
  ASSERT_EQ(cpu.info().codec, "h264");
  for (const std::vector<int64_t>& indices :
       {std::vector<int64_t>{0, 1, 2, 3, 30, 31, 69}, std::vector<int64_t>{5, 5, 40}}) {
    const Tensor wanted = cpu.frames(indices), found = cuda.frames(indices);
    int most = 0;
    for (size_t i = 0; i < size_t(wanted.numel()); ++i)
      most = std::max(most, std::abs(wanted.span<uint8_t>()[i] - found.span<uint8_t>()[i]));
    EXPECT_LE(most, colour_bound());
  }
  EXPECT_EQ(cuda.frame_count(), 70);
  EXPECT_EQ(warnings.all(), "");
}

TEST_F(CudaClips, OfTestsAreThoseOfTheCpu) {
  for (const int crops : {1, 3})
    expect_test_clips(videos_,
                      {.sampling = {.num_frames = 8, .sampling_rate = 4},
                       .views = 3,
                       .crops = crops,
                       .short_side = 128,
                       .crop_size = 112,
                       .alpha = 4,
                       .workers = 2},
                      kCuda);
}

TEST_F(CudaClips, OfTrainingsAreThoseOfTheCpu) {
  TrainLoaderOptions options{.seed = 5,
                             .batches = {{.videos = 2, .crop = 112}},
                             .sampling = {.num_frames = 8, .sampling_rate = 4},
                             .copies = 2,
                             .jitter = {.min_short_side = 128, .max_short_side = 160},
                             .alpha = 4,
                             .workers = 2};
  expect_train_clips(videos_, options, kCuda);
  options.frame_order = FrameOrder::single;
  expect_train_clips(videos_, options, kCuda);
  options.jitter.relative = RelativeCrop{.motion_shift = true};
  expect_train_clips(videos_, options, kCuda);
}

// What the decoder does not take, the CPU decodes: pictures as small as the first video's are below
// what some decoders have.
TEST_F(CudaClips, VideosOfEveryKindGiveClips) {
  Videos all;
  all.add(write_moving_video(folder_.path() / "small.mp4", 32, {}));
  for (const char* name : {"short_32_frames.mp4", "six_fps.mp4"}) all.add(golden_video(name));
  all.add(folder_.write("text.mp4", "no video"));
  all.add(videos_.video(1).path);
  expect_test_clips(all,
                    {.sampling = {.num_frames = 8, .sampling_rate = 4},
                     .views = 2,
                     .crops = 3,
                     .short_side = 36,
                     .crop_size = 32,
                     .alpha = 4,
                     .workers = 4},
                    kCuda);
}

}  // namespace
}  // namespace sf
