// Batches of clips around key frames.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include <gtest/gtest.h>

#include "data/ava.h"
#include "data/boxes.h"
#include "data/picture_resize.h"
#include "data/train_loader.h"
#include "golden_ava.h"
#include "kernels/base/error.h"
#include "temporary_folder.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

std::vector<TrainBatch> all_batches(const Dataset& dataset, const TrainLoaderOptions& options,
                                    std::vector<std::string>* faults = nullptr) {
  TrainLoader loader(dataset, options);
  loader.start(0);
  std::vector<TrainBatch> batches;
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  if (faults) *faults = loader.take_faults();
  return batches;
}

bool equal(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::memcmp(a.data(), b.data(), size_t(a.type().bytes())) == 0;
}

bool equal(const TrainBatch& a, const TrainBatch& b) {
  bool same = a.videos == b.videos && a.pathways.size() == b.pathways.size() &&
              a.boxes->count == b.boxes->count && equal(a.boxes->boxes, b.boxes->boxes) &&
              equal(a.boxes->labels, b.boxes->labels) && equal(a.boxes->places, b.boxes->places);
  for (size_t p = 0; same && p < a.pathways.size(); ++p) same = equal(a.pathways[p], b.pathways[p]);
  return same;
}

// Every 97th value in the original's order C T H W against those of the golden file.
double worst_difference(const Tensor& clip, const Tensor& wanted, const std::string& shape) {
  const int64_t t = clip.shape()[1], h = clip.shape()[2], w = clip.shape()[3];
  EXPECT_EQ(cat("[3, ", t, ", ", h, ", ", w, "]"), shape);
  const auto values = clip.span<float>(), golden = wanted.span<float>();
  EXPECT_EQ(int64_t(golden.size()), (3 * t * h * w + 96) / 97);
  double worst = 0;
  for (int64_t i = 0; i < int64_t(golden.size()); ++i) {
    const int64_t channel = i * 97 / (t * h * w), pixel = i * 97 % (t * h * w);
    worst =
        std::max(worst, std::abs(double(values[size_t(pixel * 3 + channel)]) - golden[size_t(i)]));
  }
  return worst;
}

double worst_difference(std::span<const float> values, const Tensor& wanted, size_t columns,
                        size_t from, size_t rows) {
  const auto golden = wanted.span<float>();
  EXPECT_EQ(golden.size(), rows * 4);
  double worst = 0;
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < 4; ++c)
      worst = std::max(worst, std::abs(double(values[r * columns + from + c]) - golden[r * 4 + c]));
  return worst;
}

TEST(KeyFrames, TestClipsAndBoxesAreTheOriginals) {
  const Safetensors golden = read_safetensors(golden_ava() / "loader_and_scores.safetensors");
  const Config config = golden_ava_config();
  const auto dataset = make_dataset("ava", Split::test, config);
  const auto batches = all_batches(*dataset, key_frame_loader_options(config, Split::test));
  ASSERT_EQ(batches.size(), std::stoull(golden.metadata.at("length")));
  for (size_t i = 0; i < batches.size(); ++i) {
    ASSERT_EQ(batches[i].pathways.size(), 2u);
    for (size_t p = 0; p < 2; ++p) {
      const std::string name = cat(i, ".input", p);
      // Pixels are equal; float32 rounds once or twice on values up to 2.5.
      EXPECT_LE(worst_difference(batches[i].pathways[p], golden.at(name + ".every97"),
                                 golden.metadata.at(name + ".shape")),
                1e-6)
          << name;
    }
    const BatchBoxes& boxes = *batches[i].boxes;
    const auto rows = size_t(golden.at(cat(i, ".boxes")).shape()[0]);
    ASSERT_EQ(boxes.count, int64_t(rows));
    // Both round the same float64 to float32.
    EXPECT_EQ(worst_difference(boxes.boxes.span<float>(), golden.at(cat(i, ".boxes")), 5, 1, rows),
              0);
    EXPECT_EQ(worst_difference(boxes.originals.span<float>(), golden.at(cat(i, ".ori_boxes")), 4, 0,
                               rows),
              0);
    const auto places = golden.at(cat(i, ".metadata")).span<int64_t>();
    EXPECT_TRUE(std::equal(places.begin(), places.end(), boxes.places.span<int64_t>().begin()));
  }
}

TEST(KeyFrames, ValidationTakesTheMiddleOfEveryFourthSecond) {
  Config config = golden_ava_config();
  const auto dataset = make_dataset("ava", Split::val, config);
  const auto whole = all_batches(*make_dataset("ava", Split::test, config),
                                 key_frame_loader_options(config, Split::test));
  const auto batches = all_batches(*dataset, key_frame_loader_options(config, Split::val));
  ASSERT_EQ(batches.size(), 1u);  // 904 and 908 of one video, 904 of the other
  EXPECT_EQ(batches[0].videos, (std::vector<int64_t>{0, 1, 2}));
  ASSERT_EQ(batches[0].pathways[1].shape(), (Shape{3, 16, 64, 64, 3}));
  // 85 - 64 is odd: the crop starts at the ceiling of half of it.
  const auto part = batches[0].pathways[1].span<float>();
  const auto all = whole[1].pathways[1].span<float>();
  for (size_t y = 0; y < 64; ++y)
    ASSERT_EQ(std::memcmp(&part[y * 64 * 3], &all[(y * 85 + 11) * 3], 64 * 3 * sizeof(float)), 0);
  const auto boxes = batches[0].boxes->boxes.span<float>(),
             uncut = whole[1].boxes->boxes.span<float>();
  EXPECT_EQ(boxes[1], std::max(uncut[1] - 11, 0.f));
  EXPECT_EQ(boxes[3], std::min(uncut[3] - 11, 63.f));

  config.set("AVA.FULL_TEST_ON_VAL", "True");
  EXPECT_EQ(make_dataset("ava", Split::val, config)->size(), 11);

  config.set("AVA.FULL_TEST_ON_VAL", "False");
  config.set("AVA.TEST_FORCE_FLIP", "True");
  const auto mirrored = all_batches(*dataset, key_frame_loader_options(config, Split::val));
  const auto other = mirrored[0].pathways[1].span<float>();
  for (size_t x = 0; x < 64; ++x) ASSERT_EQ(other[x * 3], part[(63 - x) * 3]);
  EXPECT_EQ(mirrored[0].boxes->boxes.span<float>()[1], 63 - boxes[3]);
}

TEST(KeyFrames, BatchesDoNotDependOnWorkersAndGoOnAnywhere) {
  const Config config = golden_ava_config();
  const auto dataset = make_dataset("ava", Split::train, config);
  TrainLoaderOptions options = key_frame_loader_options(config, Split::train);
  options.workers = 0;
  const auto wanted = all_batches(*dataset, options);
  ASSERT_EQ(wanted.size(), 2u);  // of 4 of 11
  for (int workers : {1, 3}) {
    options.workers = workers;
    const auto batches = all_batches(*dataset, options);
    ASSERT_EQ(batches.size(), wanted.size());
    for (size_t b = 0; b < batches.size(); ++b) EXPECT_TRUE(equal(batches[b], wanted[b])) << b;
  }
  TrainLoader loader(*dataset, options);
  loader.start(0, 1);
  const auto second = loader.next();
  EXPECT_TRUE(equal(*second, wanted[1]));
  loader.start(1);
  EXPECT_FALSE(equal(*loader.next(), wanted[0]));
}

TEST(KeyFrames, BoxesStayOnTheirPixelsInTraining) {
  // A white rectangle on black: after resizing, cropping and mirroring its pixels and its box
  // agree.
  const TemporaryFolder folder;
  Config config = golden_ava_config();
  const auto dataset = make_dataset("ava", Split::train, config);
  TrainLoaderOptions options = key_frame_loader_options(config, Split::train);
  const CounterRng rng("boxes");
  constexpr PictureSize kSource{100, 160};
  constexpr Box kBright{20, 40, 50, 80};
  std::vector<uint8_t> pixels(size_t(kSource.height) * kSource.width * 3, 0);
  for (int y = kBright.y; y < kBright.y + kBright.height; ++y)
    std::fill_n(&pixels[size_t(y * kSource.width + kBright.x) * 3], size_t(kBright.width) * 3, 255);
  int mirrored = 0;
  for (uint64_t i = 0; i < 20; ++i) {
    const SpatialChoice c =
        random_spatial(options.jitter, kSource, 64, 16, CounterRng(rng.bits(i)))[0];
    PictureResizer resizer(kSource, c.size, c.crop);
    const Picture cut =
        resizer.run({pixels.data(), 3 * kSource.width, kSource.width, kSource.height});
    const BoxCorners box = fitted_box({0.25, 0.2, 0.75, 0.7}, kSource, c);
    int left = 64, right = -1, top = 64, bottom = -1;
    for (int y = 0; y < 64; ++y)
      for (int x = 0; x < 64; ++x) {
        const int shown = c.mirror ? 63 - x : x;
        if (cut.row(y)[3 * x] < 128) continue;
        left = std::min(left, shown), right = std::max(right, shown);
        top = std::min(top, y), bottom = std::max(bottom, y);
      }
    // Edges lie between pixels, the box counts to the next one, and its mirror image to the one
    // before: two pixels are the most that these differ by.
    EXPECT_NEAR(box[0], left, 2) << i;
    EXPECT_NEAR(box[1], top, 2) << i;
    EXPECT_NEAR(box[2], right, 2) << i;
    EXPECT_NEAR(box[3], bottom, 2) << i;
    mirrored += c.mirror;
  }
  EXPECT_GT(mirrored, 3);
  EXPECT_LT(mirrored, 17);
}

TEST(KeyFrames, ColorsAndChannelsFollowTheConfiguration) {
  Config config = golden_ava_config();
  config.set("DATA.MEAN", "[0.1, 0.2, 0.3]");
  config.set("DATA.STD", "[0.5, 0.25, 0.125]");
  const auto dataset = make_dataset("ava", Split::test, config);
  const auto rgb = all_batches(*dataset, key_frame_loader_options(config, Split::test));
  config.set("AVA.BGR", "True");
  const auto bgr = all_batches(*dataset, key_frame_loader_options(config, Split::test));
  Config plain = golden_ava_config();
  const auto usual = all_batches(*dataset, key_frame_loader_options(plain, Split::test));
  const auto x = usual[0].pathways[1].span<float>();
  const auto y = rgb[0].pathways[1].span<float>(), z = bgr[0].pathways[1].span<float>();
  const std::array<float, 3> mean{0.3f, 0.2f, 0.1f}, deviation{0.125f, 0.25f, 0.5f};
  for (size_t i = 0; i < 64 * 85 * 3; ++i) {
    const double pixel = x[i] * 0.225 + 0.45;
    const size_t c = i % 3;
    // A few roundings of float32 on values below 8.
    ASSERT_NEAR(y[i], (pixel - mean[c]) / deviation[c], 4e-6);
    ASSERT_EQ(z[i - c + 2 - c], y[i]);
  }

  config = golden_ava_config();
  config.set("AVA.TRAIN_USE_COLOR_AUGMENTATION", "True");
  const auto lit = all_batches(*dataset, key_frame_loader_options(config, Split::train))[0];
  const auto unlit = all_batches(*dataset, key_frame_loader_options(plain, Split::train))[0];
  // Lighting adds the same colour to every pixel of a clip.
  const auto a = lit.pathways[1].span<float>(), b = unlit.pathways[1].span<float>();
  const size_t clip = a.size() / 4;
  for (size_t i = 0; i < a.size(); ++i) {
    const size_t first = i / clip * clip + i % 3;
    ASSERT_NEAR(a[i] - b[i], a[first] - b[first], 4e-6);
  }
  EXPECT_NE(a[0], b[0]);
}

TEST(KeyFrames, ThePytorchBackendResizesWithoutRoundingToBytes) {
  Config config = golden_ava_config();
  config.set("DATA.TEST_CROP_SIZE", "75");
  const auto dataset = make_dataset("ava", Split::test, config);
  const auto cv2 = all_batches(*dataset, key_frame_loader_options(config, Split::test));
  config.set("AVA.IMG_PROC_BACKEND", "pytorch");
  const auto pytorch = all_batches(*dataset, key_frame_loader_options(config, Split::test));
  const auto a = cv2[0].pathways[1].span<float>(), b = pytorch[0].pathways[1].span<float>();
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(double(a[i]) - b[i]));
  EXPECT_GT(worst, 0);
  // Both blend the same pixels: a byte rounded to the nearest, with weights of 11 bits.
  EXPECT_LT(worst, 1.0 / 255 / 0.225);
  EXPECT_TRUE(equal(cv2[0].boxes->boxes, pytorch[0].boxes->boxes));
  config.set("AVA.IMG_PROC_BACKEND", "pil");
  EXPECT_EQ(message_of<Error>([&] { key_frame_loader_options(config, Split::test); }),
            "AVA.IMG_PROC_BACKEND: wanted cv2 or pytorch, found pil");
}

// A copy of the golden set that may be damaged.
class Copied {
 public:
  Copied() {
    std::filesystem::copy(golden_ava() / "frames", folder.path() / "frames",
                          std::filesystem::copy_options::recursive);
    config.set("AVA.FRAME_DIR", (folder.path() / "frames").string());
  }
  std::filesystem::path frame(const char* name) const { return folder.path() / "frames" / name; }

  TemporaryFolder folder;
  Config config = golden_ava_config();
};

TEST(KeyFrames, ThatCannotBeReadAreLeftOutOfTestsAndNamed) {
  const HangGuard guard;
  Copied set;
  std::filesystem::remove(set.frame("v_arm/v_arm_000121.jpg"));
  std::filesystem::resize_file(set.frame("v_test/v_test_000061.jpg"), 2000);
  const auto dataset = make_dataset("ava", Split::test, set.config);
  std::vector<std::string> faults;
  const auto batches =
      all_batches(*dataset, key_frame_loader_options(set.config, Split::test), &faults);
  std::set<int64_t> read;
  for (const TrainBatch& b : batches) read.insert(b.videos[0]);
  EXPECT_EQ(read, (std::set<int64_t>{0, 2, 3, 4, 5, 7, 8, 9, 10}));
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_EQ(faults[0], cat(set.frame("v_arm/v_arm_000121.jpg").string(),
                           ": could not be opened: No such file or directory"));
  EXPECT_EQ(faults[1].find(set.frame("v_test/v_test_000061.jpg").string() +
                           ": wanted an intact JPEG picture: "),
            0u);

  // In a batch of several, the others stay.
  const auto val = make_dataset("ava", Split::val, set.config);
  const auto whole = all_batches(*make_dataset("ava", Split::val, golden_ava_config()),
                                 key_frame_loader_options(set.config, Split::val));
  const auto part = all_batches(*val, key_frame_loader_options(set.config, Split::val), &faults);
  ASSERT_EQ(part.size(), 1u);
  EXPECT_EQ(faults.size(), 1u);
  const auto a = part[0].pathways[1].span<float>(), b = whole[0].pathways[1].span<float>();
  const size_t clip = a.size() / 3;
  EXPECT_TRUE(std::all_of(a.begin(), a.begin() + int64_t(clip), [](float x) { return x == 0; }));
  EXPECT_TRUE(std::equal(a.begin() + int64_t(clip), a.end(), b.begin() + int64_t(clip)));
  EXPECT_EQ(part[0].boxes->boxes.span<float>()[0], 1);  // the clip of the first box

  // All of them bad is an end, too.
  std::filesystem::remove_all(set.frame("v_arm"));
  std::filesystem::remove_all(set.frame("v_test"));
  const auto none = make_dataset("ava", Split::test, set.config);
  for (int workers : {0, 2}) {
    TrainLoaderOptions options = key_frame_loader_options(set.config, Split::test);
    options.workers = workers;
    EXPECT_TRUE(all_batches(*none, options, &faults).empty());
    EXPECT_EQ(faults.size(), 11u);
  }
}

TEST(KeyFrames, ThatCannotBeReadAreReplacedInTraining) {
  Copied set;
  std::filesystem::remove(set.frame("v_arm/v_arm_000121.jpg"));
  const auto dataset = make_dataset("ava", Split::train, set.config);
  TrainLoader loader(*dataset, key_frame_loader_options(set.config, Split::train));
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    loader.start(epoch);
    while (const auto batch = loader.next()) {
      EXPECT_EQ(std::ranges::count(batch->videos, 1), 0);
      const auto boxes = batch->boxes->boxes.span<float>();
      EXPECT_EQ(boxes[0], 0);
      EXPECT_EQ(boxes[size_t(batch->boxes->count - 1) * 5], 3);
    }
  }
  EXPECT_GT(loader.replaced(), 0);
  EXPECT_EQ(loader.take_faults().size(), 1u);
}

TEST(KeyFrames, PicturesOfAVideoHaveOneSize) {
  Copied set;
  const auto odd = set.frame("v_arm/v_arm_000121.jpg");
  const Safetensors opencv = read_safetensors(golden_folder() / "augmentation/opencv.safetensors");
  const Tensor& small = opencv.at("jpeg.420");
  std::ofstream(odd, std::ios::binary)
      .write(reinterpret_cast<const char*>(small.data()), small.numel());
  std::vector<std::string> faults;
  all_batches(*make_dataset("ava", Split::test, set.config),
              key_frame_loader_options(set.config, Split::test), &faults);
  EXPECT_EQ(faults,
            std::vector{odd.string() + ": resize: wanted a picture of 128x170, found 29x37"});
}

TEST(KeyFrames, FramesOfAVideoFileAreThoseOfItsTimes) {
  // The pictures of v_test were cut from test.mp4, at half its size.
  const TemporaryFolder folder;
  Config config = golden_ava_config();
  const auto set_list = [&](const std::string& rows) {
    folder.write("videos.csv", "original_vido_id video_id frame_id path labels\n" + rows);
    config.set("AVA.FRAME_LIST_DIR", folder.path().string());
    config.set("AVA.TEST_LISTS", "['videos.csv']");
    config.set("AVA.FRAME_DIR", (golden_folder() / "videos").string());
  };
  const auto pictures = all_batches(*make_dataset("ava", Split::test, config),
                                    key_frame_loader_options(config, Split::test));
  set_list("v_test 0 0 test.mp4 \"\"\n");
  const auto dataset = make_dataset("ava", Split::test, config);
  const auto video = all_batches(*dataset, key_frame_loader_options(config, Split::test));
  EXPECT_EQ(dataset->warnings().size(), 1u);  // boxes of v_arm, which is not listed
  ASSERT_EQ(video.size(), 5u);
  for (size_t i = 0; i < video.size(); ++i) {
    const Tensor &a = video[i].pathways[1], &b = pictures[6 + i].pathways[1];
    ASSERT_EQ(a.shape(), b.shape());
    const auto x = a.span<float>(), y = b.span<float>();
    const size_t frame = x.size() / 16;
    for (size_t t = 0; t < 16; ++t) {
      std::array<double, 16> distance{};
      for (size_t u = 0; u < 16; ++u)
        for (size_t k = 0; k < frame; ++k)
          distance[u] += std::abs(double(x[t * frame + k]) - y[u * frame + k]);
      EXPECT_EQ(std::ranges::min_element(distance) - distance.begin(), ptrdiff_t(t))
          << i << " frame " << t;
    }
    const auto boxes = video[i].boxes->boxes.span<float>(),
               wanted = pictures[6 + i].boxes->boxes.span<float>();
    // Clipped to the last pixel before resizing, of twice as many.
    for (size_t k = 0; k < boxes.size(); ++k) EXPECT_NEAR(boxes[k], wanted[k], 1);
  }
  // Counted at twice the video's rate.
  config.set("SF.AVA_FPS", "60");
  config.set("SF.AVA_START_SECOND", "901");
  config.set("DATA.SAMPLING_RATE", "4");
  const auto doubled = all_batches(*make_dataset("ava", Split::test, config),
                                   key_frame_loader_options(config, Split::test));
  ASSERT_EQ(doubled.size(), 5u);
  const auto x = doubled[2].pathways[1].span<float>();
  // Second 905 is 4 seconds behind 901, as far as 904 behind 900.
  EXPECT_TRUE(std::ranges::equal(x, video[1].pathways[1].span<float>()));
}

TEST(BatchBoxes, RowsWithoutABoxComeLast) {
  const KeyFrame a{
      .video = 3, .second = 902, .boxes = {{{0, 0, 1, 1}, {2, 5}}, {{0, 0, 1, 1}, {}}}};
  const std::vector<ClipBoxes> clips{
      {&a, {{1, 2, 3, 4}, {5, 6, 7, 8}}}, {nullptr, {}}, {&a, {{9, 10, 11, 12}, {0, 0, 0, 0}}}};
  const BatchBoxes four = join_boxes(clips, 5);
  EXPECT_EQ(four.count, 4);
  EXPECT_EQ(four.boxes.shape(), (Shape{4, 5}));
  const BatchBoxes two = join_boxes(std::span(clips).first(2), 5);
  EXPECT_EQ(two.count, 2);
  const auto boxes = two.boxes.span<float>(), labels = two.labels.span<float>();
  EXPECT_EQ(std::vector(boxes.begin(), boxes.end()),
            (std::vector<float>{0, 1, 2, 3, 4, 0, 5, 6, 7, 8, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0}));
  EXPECT_EQ(std::vector(labels.begin(), labels.begin() + 10),
            (std::vector<float>{0, 1, 0, 0, 1, 0, 0, 0, 0, 0}));
  const auto places = two.places.span<int64_t>();
  EXPECT_EQ(std::vector(places.begin(), places.end()),
            (std::vector<int64_t>{3, 902, 3, 902, -1, -1, -1, -1}));
  EXPECT_EQ(four.boxes.span<float>()[10], 2);
  EXPECT_EQ(box_capacity(5), 8);
  EXPECT_EQ(box_capacity(64), 64);
}

}  // namespace
}  // namespace sf
