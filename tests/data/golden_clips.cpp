// What the readers, samplers and loaders yield for real videos against the original's numbers.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "data/kinetics.h"
#include "data/test_loader.h"
#include "data/video_reader.h"
#include "golden.h"

namespace sf {
namespace {

// Means over the pixels of a frame, exact in double: the sums are whole numbers.
TEST(GoldenVideos, FrameCountsRatesAndMeansAreTheOriginals) {
  for (const std::string& name : golden_videos()) {
    VideoReader reader(golden_video(name));
    const auto& metadata = golden_kinetics().metadata;
    EXPECT_EQ(reader.info().fps, std::stod(metadata.at(name + ".fps"))) << name;
    EXPECT_EQ(cat("[", reader.info().height, ", ", reader.info().width, "]"),
              metadata.at(name + ".size"));
    EXPECT_EQ(reader.expected_frames(), std::stoll(metadata.at(name + ".frames"))) << name;
    EXPECT_EQ(reader.frame_count(), std::stoll(metadata.at(name + ".frames"))) << name;

    const auto wanted = golden_kinetics().at(name + ".frame_means").span<double>();
    ASSERT_EQ(int64_t(wanted.size()), reader.frame_count());
    std::vector<int64_t> all(wanted.size());
    std::iota(all.begin(), all.end(), 0);
    double worst = 0;
    reader.visit(all, [&](size_t k, const Picture& picture) {
      double sums[3] = {};
      for (int y = 0; y < picture.height; ++y) {
        for (int x = 0; x < 3 * picture.width; ++x) sums[x % 3] += picture.row(y)[x];
      }
      const double pixels = double(picture.height) * picture.width;
      worst = std::max(worst, std::abs((sums[0] + sums[1] + sums[2]) / (3 * pixels) - wanted[k]));
      if (k > 0) return;
      const auto colours = golden_kinetics().at(name + ".frame0.mean").span<double>();
      for (size_t c = 0; c < 3; ++c)
        worst = std::max(worst, std::abs(sums[c] / pixels - colours[c]));
    });
    // Conversions to RGB by other code paths of libswscale differ by a level in some pixels.
    EXPECT_LT(worst, 0.5) << name;
  }
}

class OneVideo final : public Dataset {
 public:
  explicit OneVideo(std::string path) : item_{.path = std::move(path), .label = 3} {}
  int64_t size() const override { return 1; }
  const VideoItem& video(int64_t) const override { return item_; }

 private:
  VideoItem item_;
};

TEST(GoldenVideos, ClipsAreTheOriginals) {
  for (const std::string& name : golden_videos()) {
    const OneVideo dataset(golden_video(name));
    TestLoader loader(dataset, {.sampling = {.num_frames = 16, .sampling_rate = 4},
                                .views = 4,
                                .crops = 3,
                                .short_side = 64,
                                .crop_size = 64,
                                .alpha = 8,
                                .workers = 2});
    int clips = 0;
    while (const auto item = loader.next()) {
      ASSERT_EQ(item->fault, "");
      ASSERT_EQ(item->pathways.size(), 2u);
      const Tensor& fast = item->pathways[1];
      ASSERT_EQ(fast.shape(), (Shape{16, 64, 64, 3}));
      ASSERT_EQ(item->pathways[0].shape(), (Shape{2, 64, 64, 3}));
      const auto values = fast.span<float>();
      const auto wanted = golden_kinetics()
                              .at(cat(name, ".view", item->view, ".crop", item->crop, ".every97"))
                              .span<float>();
      double worst = 0;
      double sum = 0;
      for (size_t i = 0; i < wanted.size(); ++i) {
        // Value 97 i in the order C T H W.
        const size_t at = 97 * i;
        const size_t channel = at / (16 * 64 * 64);
        const double difference =
            std::abs(values[at % (16 * 64 * 64) * 3 + channel] - wanted[i]) * 0.225 * 255;
        worst = std::max(worst, difference);
        sum += difference;
      }
      // In levels of 256: libswscale's conversions differ by up to 2 with the processor.
      EXPECT_LE(worst, 2) << name << " view " << item->view << " crop " << item->crop;
      EXPECT_LE(sum / double(wanted.size()), 0.5)
          << name << " view " << item->view << " crop " << item->crop;
      ++clips;
    }
    EXPECT_EQ(clips, 12) << name;
  }
}

}  // namespace
}  // namespace sf
