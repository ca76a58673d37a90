#include "data/spatial.h"

#include <gtest/gtest.h>

#include "kernels/base/counter_rng.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

struct Noise {
  std::vector<uint8_t> bytes;
  Picture picture;

  Noise(int height, int width) {
    const int64_t stride = width * 3 + 5;
    const CounterRng rng("noise");
    for (int64_t i = 0; i < stride * height; ++i) bytes.push_back(uint8_t(rng.bits(uint64_t(i))));
    picture = {bytes.data(), stride, width, height};
  }
};

TEST(Spatial, ShortSideIsScaledAndTheLongOneCut) {
  EXPECT_EQ(short_side_size({360, 640}, 256), (PictureSize{256, 455}));
  EXPECT_EQ(short_side_size({640, 360}, 256), (PictureSize{455, 256}));
  EXPECT_EQ(short_side_size({256, 340}, 256), (PictureSize{256, 340}));
  EXPECT_EQ(short_side_size({256, 340}, 64), (PictureSize{64, 85}));
  EXPECT_EQ(short_side_size({7, 7}, 9), (PictureSize{9, 9}));
}

TEST(Spatial, UniformCropsAreTheOriginals) {
  const auto starts = [](PictureSize p, int size) {
    std::vector<int> all;
    for (int i = 0; i < 3; ++i) {
      const Box b = uniform_crop(p, size, i);
      all.insert(all.end(), {b.y, b.x});
    }
    return all;
  };
  EXPECT_EQ(starts({256, 340}, 256), (std::vector{0, 0, 0, 42, 0, 84}));
  EXPECT_EQ(starts({256, 455}, 256), (std::vector{0, 0, 0, 100, 0, 199}));
  EXPECT_EQ(starts({256, 341}, 256), (std::vector{0, 0, 0, 43, 0, 85}));
  EXPECT_EQ(starts({341, 256}, 256), (std::vector{0, 0, 43, 0, 85, 0}));
  EXPECT_EQ(starts({256, 455}, 224), (std::vector{16, 0, 16, 116, 16, 231}));
  EXPECT_EQ(starts({256, 256}, 256), (std::vector{0, 0, 0, 0, 0, 0}));
}

// The clips that a loader makes picture by picture are those that a device makes of all frames.
TEST(Spatial, TheResamplerEqualsTheDevicesKernelBitForBit) {
  const Noise noise(3 * 37, 53);  // three pictures
  const PictureSize from{37, 53}, to{45, 64};
  const Box box{3, 5, 32, 40};
  const Normalization n{.mean = {0.4f, 0.5f, 0.6f}, .std = {0.2f, 0.3f, 0.25f}};
  for (const bool mirror : {false, true}) {
    constexpr size_t kFrame = 32 * 40 * 3;
    std::vector<float> wanted(3 * kFrame), found(3 * kFrame);
    Resampler resampler(from, to, box, n, mirror);
    for (int f = 0; f < 3; ++f)
      resampler.run(part_of(noise.picture, {f * 37, 0, 37, 53}), &wanted[size_t(f) * kFrame]);
    const ResampleProblem p{.frames = 3,
                            .in_height = from.height,
                            .in_width = from.width,
                            .row_bytes = noise.picture.stride,
                            .frame_bytes = 37 * noise.picture.stride,
                            .height = to.height,
                            .width = to.width,
                            .top = box.y,
                            .left = box.x,
                            .out_height = box.height,
                            .out_width = box.width,
                            .mirror = mirror,
                            .mean = n.mean,
                            .std = n.std};
    const auto* kernel = select(resample_kernels(Backend::simt), p);
    kernel->run(p, {.x = noise.picture.data, .y = found.data()}, nullptr, nullptr,
                {.backend = Backend::simt});
    EXPECT_EQ(found, wanted) << mirror;
  }
}

TEST(Spatial, MirroredRowsAreTheRowsReversed) {
  const Noise noise(37, 53);
  for (const PictureSize size : {PictureSize{37, 53}, PictureSize{45, 64}, PictureSize{20, 28}}) {
    const Box box{3, 5, 11, 17};
    std::vector<float> plain(11 * 17 * 3), mirrored(plain.size()), wanted;
    Resampler({37, 53}, size, box, {}).run(noise.picture, plain.data());
    Resampler({37, 53}, size, box, {}, true).run(noise.picture, mirrored.data());
    for (int y = 0; y < 11; ++y) {
      for (int x = 16; x >= 0; --x)
        wanted.insert(wanted.end(), &plain[size_t(y * 17 + x) * 3],
                      &plain[size_t(y * 17 + x) * 3] + 3);
    }
    EXPECT_EQ(mirrored, wanted);
  }
}

TEST(Spatial, PartsOfAPictureAreItsPixels) {
  const Noise noise(9, 11);
  const Picture part = part_of(noise.picture, {2, 3, 4, 5});
  EXPECT_EQ(part.height, 4);
  EXPECT_EQ(part.width, 5);
  EXPECT_EQ(part.row(1)[3 * 2], noise.picture.row(3)[3 * 5]);
  EXPECT_THROW(part_of(noise.picture, {2, 3, 4, 9}), Error);
}

TEST(Spatial, HalvingAveragesPairsAndReversingSwapsRedAndBlue) {
  // Two columns of constant colour: the bilinear sample between them is their mean.
  const std::vector<uint8_t> bytes = {0, 51, 102, 102, 153, 255};
  const Picture picture{bytes.data(), 6, 2, 1};
  const Normalization plain{.mean = {0, 0, 0}, .std = {1, 1, 1}};
  std::vector<float> out(3);
  Resampler({1, 2}, {1, 1}, {0, 0, 1, 1}, plain).run(picture, out.data());
  EXPECT_FLOAT_EQ(out[0], 0.2f);
  EXPECT_FLOAT_EQ(out[1], 0.4f);
  EXPECT_FLOAT_EQ(out[2], 0.7f);
  Normalization reversed = plain;
  reversed.reverse_channels = true;
  Resampler({1, 2}, {1, 1}, {0, 0, 1, 1}, reversed).run(picture, out.data());
  EXPECT_FLOAT_EQ(out[0], 0.7f);
  EXPECT_FLOAT_EQ(out[2], 0.2f);
}

TEST(Spatial, TheEnclosingBoxHoldsAll) {
  const Box boxes[] = {{4, 10, 5, 5}, {2, 12, 3, 9}};
  EXPECT_EQ(enclosing(boxes), (Box{2, 10, 7, 11}));
}

TEST(Spatial, MisuseIsNamed) {
  EXPECT_THROW(uniform_crop({10, 20}, 11, 1), Error);
  EXPECT_THROW(uniform_crop({10, 20}, 5, 3), Error);
  EXPECT_THROW(short_side_size({1, 1 << 20}, 256), Error);
  EXPECT_THROW(Resampler({4, 4}, {4, 4}, {0, 1, 4, 4}, {}), Error);
  const Noise noise(4, 5);
  std::vector<float> out(48);
  EXPECT_THROW(Resampler({4, 4}, {4, 4}, {0, 0, 4, 4}, {}).run(noise.picture, out.data()), Error);
}

}  // namespace
}  // namespace sf
