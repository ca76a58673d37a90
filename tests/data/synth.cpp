#include "data/synth.h"

#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "data/kinetics.h"
#include "data/synth_scene.h"
#include "data/video_reader.h"
#include "kernels/base/error.h"
#include "temporary_folder.h"

namespace sf {
namespace {

TEST(SynthScene, OneClassOfAPairIsTheOtherInReverse) {
  for (int64_t index = 0; index < 3; ++index) {
    for (int pair = 0; pair < 4; ++pair) {
      const Scene forth = make_scene(5, index, 2 * pair);
      const SceneRenderer forwards(forth);
      const SceneRenderer backwards(make_scene(5, index, 2 * pair + 1));
      for (int frame : {0, 1, 30, forth.frames - 1}) {
        EXPECT_EQ(forwards.render(frame), backwards.render(forth.frames - 1 - frame))
            << kMotionClasses[size_t(2) * size_t(pair)];
      }
    }
  }
}

// With the next law: every frame of every class comes from the same distribution.
TEST(SynthScene, AllClassesShareOneFrameOfEachScene) {
  for (int64_t index = 0; index < 4; ++index) {
    const Scene scene = make_scene(6, index, 0);
    const auto first = SceneRenderer(scene).render(0);
    for (int label = 1; label < 8; ++label) {
      const Scene other = make_scene(6, index, label);
      EXPECT_EQ(SceneRenderer(other).render(label % 2 == 0 ? 0 : other.frames - 1), first) << label;
    }
  }
}

TEST(SynthScene, MotionTurnsOnePhaseOfACircleAndNothingElse) {
  for (int label = 0; label < 8; ++label) {
    Scene scene = make_scene(7, label, label);
    scene.noise = 0;  // it is fresh in every frame
    const SceneRenderer renderer(scene);
    for (uint32_t time : {1u, 17u, 63u}) {
      Scene turned = scene;
      for (SceneShape& s : turned.moving) {
        const uint32_t way = s.speed * time;
        s.phase[size_t(label / 2)] += label / 2 < 2 ? 0u - way : way;
      }
      const int last = scene.frames - 1;
      EXPECT_EQ(renderer.render(label % 2 == 0 ? int(time) : last - int(time)),
                SceneRenderer(turned).render(label % 2 == 0 ? 0 : last));
    }
  }
}

TEST(SynthScene, PhasesAreDrawnEvenlyOverTheCircle) {
  constexpr int kScenes = 400;
  std::array<std::array<int, 8>, 4> counts{};
  int shapes = 0;
  for (int64_t index = 0; index < kScenes; ++index) {
    for (const SceneShape& s : make_scene(8, index, 0).moving) {
      ++shapes;
      for (size_t p = 0; p < 4; ++p) ++counts[p][s.phase[p] >> 29];
    }
  }
  // A bin holds shapes / 8 with a standard deviation below its root; five of them in either
  // direction.
  const double mean = shapes / 8.0;
  for (const auto& bins : counts) {
    for (int n : bins) EXPECT_NEAR(n, mean, 5 * std::sqrt(mean));
  }
}

TEST(SynthScene, DirectionsAreWhatTheirNamesSay) {
  // One white shape on black; follow its centre or its area.
  Scene scene = make_scene(9, 0, 0);
  scene.noise = 0;
  scene.background = {};
  scene.clutter.clear();
  scene.moving.resize(1);
  SceneShape& shape = scene.moving[0];
  shape.outline = SceneShape::Outline::half_disc;
  shape.phase = {1u << 31, 1u << 31, 0, 1u << 30};
  shape.speed = 1u << 26;
  for (auto& colour : shape.colours) colour = {255, 255, 255};
  struct Seen {
    double x = 0, y = 0, area = 0;
  };
  const auto see = [&](int label, int frame) {
    scene.label = label;
    const auto rgb =
        SceneRenderer(scene).render(label % 2 == 0 ? frame : scene.frames - 1 - 8 + frame);
    Seen seen;
    for (int y = 0; y < scene.height; ++y) {
      for (int x = 0; x < scene.width; ++x) {
        const double v = rgb[size_t(y * scene.width + x) * 3] / 255.0;
        seen.x += v * x;
        seen.y += v * y;
        seen.area += v;
      }
    }
    seen.x /= seen.area;
    seen.y /= seen.area;
    return seen;
  };
  EXPECT_LT(see(0, 8).x, see(0, 0).x - 5);
  EXPECT_GT(see(1, 8).x, see(1, 0).x + 5);
  EXPECT_LT(see(2, 8).y, see(2, 0).y - 5);
  EXPECT_GT(see(3, 8).y, see(3, 0).y + 5);
  // The half disc is the upper half at angle 0: turned clockwise it moves to the right.
  EXPECT_GT(see(4, 8).x, see(4, 0).x + 2);
  EXPECT_GT(see(5, 0).x, see(5, 8).x + 2);
  EXPECT_GT(see(6, 8).area, see(6, 0).area * 1.05);
  EXPECT_LT(see(7, 8).area, see(7, 0).area / 1.05);
}

TEST(Synth, ListsAreValidBalancedAndEveryVideoIsReadable) {
  const TemporaryFolder folder;
  std::vector<int64_t> done;
  const SynthCounts counts = synthesize(
      {.dir = folder.path() / "set", .videos = 20, .seed = 3, .progress = [&](int64_t n) {
         done.push_back(n);
       }});
  ASSERT_EQ(done.size(), 20u);
  for (int64_t i = 0; i < 20; ++i) EXPECT_EQ(done[size_t(i)], i + 1);
  EXPECT_EQ(counts.train, 14);
  EXPECT_EQ(counts.val, 3);
  EXPECT_EQ(counts.test, 3);
  std::set<std::string> paths;
  for (const auto& [name, count] :
       {std::pair{"train.csv", counts.train}, {"val.csv", counts.val}, {"test.csv", counts.test}}) {
    const KineticsDataset dataset({.list = folder.path() / "set" / name, .num_classes = 8});
    ASSERT_EQ(dataset.size(), count) << name;
    for (int64_t i = 0; i < count; ++i) {
      const VideoItem& video = dataset.video(i);
      EXPECT_EQ(video.fault, "");
      EXPECT_EQ(video.label, i % 8);
      EXPECT_TRUE(paths.insert(video.path).second) << video.path << " is in two lists";
      VideoReader reader(video.path);
      EXPECT_EQ(reader.info().fps, 30);
      EXPECT_GE(reader.frame_count(), 64);
      EXPECT_EQ(reader.frame_count(), reader.expected_frames());
    }
  }
  EXPECT_EQ(file_content(folder.path() / "set/classes.txt"),
            "left\nright\nup\ndown\nclockwise\ncounter_clockwise\ngrow\nshrink\n");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    EXPECT_FALSE(entry.path().filename().string().starts_with(".")) << entry.path();
  }
}

TEST(Synth, TheSameSeedGivesTheSameBytes) {
  const TemporaryFolder folder;
  for (const char* name : {"a", "b"})
    synthesize({.dir = folder.path() / name, .videos = 4, .seed = 11});
  synthesize({.dir = folder.path() / "c", .videos = 4, .seed = 12});
  for (const char* file : {"videos/000000.mp4", "videos/000003.mp4", "train.csv"}) {
    EXPECT_EQ(file_content(folder.path() / "a" / file), file_content(folder.path() / "b" / file))
        << file;
  }
  EXPECT_NE(file_content(folder.path() / "a/videos/000000.mp4"),
            file_content(folder.path() / "c/videos/000000.mp4"));
}

TEST(Synth, MisuseIsNamed) {
  const TemporaryFolder folder;
  EXPECT_THROW(synthesize({.dir = folder.path(), .videos = 2}), Error);
  folder.write("file", "");
  EXPECT_THROW(synthesize({.dir = folder.path() / "file", .videos = 3}), Error);
}

}  // namespace
}  // namespace sf
