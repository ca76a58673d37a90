#include "data/synth_scene.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/base/counter_rng.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr float kTau = 2 * std::numbers::pi_v<float>;
constexpr int kSamples = 2;  // per pixel and axis, for smooth edges

// One random value after the other.
class Stream {
 public:
  Stream(uint64_t seed, int64_t index) : rng_(CounterRng(CounterRng(seed).bits(uint64_t(index)))) {}
  uint64_t bits() { return rng_.bits(next_++); }
  uint32_t phase() { return uint32_t(bits() >> 32); }
  float uniform(float lo, float hi) { return rng_.uniform(next_++, lo, hi); }
  int below(int n) { return int(bits() % uint64_t(n)); }

 private:
  CounterRng rng_;
  uint64_t next_ = 0;
};

float turns(uint32_t phase) { return float(phase >> 8) * 0x1p-24f; }

std::array<float, 3> random_colour(Stream& random) {
  return {random.uniform(0, 255), random.uniform(0, 255), random.uniform(0, 255)};
}

SceneShape random_shape(Stream& random, float min_radius, float max_radius) {
  SceneShape s;
  s.outline = SceneShape::Outline(random.below(int(SceneShape::Outline::count)));
  for (uint32_t& phase : s.phase) phase = random.phase();
  s.min_radius = min_radius;
  s.max_radius = max_radius;
  s.colours[0] = random_colour(random);
  // The opposite colour, so that the texture shows.
  for (size_t c = 0; c < 3; ++c)
    s.colours[1][c] = s.colours[0][c] < 128 ? s.colours[0][c] + 128 : s.colours[0][c] - 128;
  s.texture_frequency = random.uniform(0.8f, 2.0f);
  s.texture_angle = random.uniform(0, kTau);
  return s;
}

// Whether a point of the unit disc belongs to the outline.
bool inside(SceneShape::Outline outline, float u, float v) {
  switch (outline) {
    case SceneShape::Outline::sector: return !(u > 0 && v > 0);  // a disc without a quarter
    case SceneShape::Outline::half_disc: return v <= 0;
    case SceneShape::Outline::corner:  // an L
      return (u < -0.2f || v > 0.2f) && u > -0.8f && v < 0.8f;
    case SceneShape::Outline::arrow:
      return u > 0 ? std::abs(v) <= 0.8f * (1 - u) : std::abs(v) <= 0.25f;
    case SceneShape::Outline::count: break;
  }
  return false;
}

// Whether a place along the stripes, far below 2^31, lies on one of the first colour.
bool on_first_stripe(float place) {
  const auto whole = float(int(place));
  return place - (whole > place ? whole - 1 : whole) < 0.5f;
}

// Draws onto a picture whose left and right edges, and upper and lower edges, touch.
void draw(const Scene& scene, const SceneShape& s, std::vector<float>& picture) {
  const float centre_x = turns(s.phase[0]) * float(scene.width);
  const float centre_y = turns(s.phase[1]) * float(scene.height);
  const float angle = turns(s.phase[2]) * kTau;
  const float radius = s.min_radius * std::pow(s.max_radius / s.min_radius, turns(s.phase[3]));
  const float cosine = std::cos(angle) / radius;
  const float sine = std::sin(angle) / radius;
  const float texture_u = std::cos(s.texture_angle) * s.texture_frequency;
  const float texture_v = std::sin(s.texture_angle) * s.texture_frequency;
  const int reach = int(radius) + 2;
  for (int dy = -reach; dy <= reach; ++dy) {
    for (int dx = -reach; dx <= reach; ++dx) {
      const int x = int(centre_x) + dx;
      const int y = int(centre_y) + dy;
      // Samples lie less than half a pixel from its centre.
      const float from_x = float(x) + 0.5f - centre_x;
      const float from_y = float(y) + 0.5f - centre_y;
      if (from_x * from_x + from_y * from_y > (radius + 0.5f) * (radius + 0.5f)) continue;
      std::array<float, 3> sum{};
      int covered = 0;
      for (int k = 0; k < kSamples * kSamples; ++k) {
        const int row = k / kSamples;
        const float px = float(x) + (float(k % kSamples) + 0.5f) / kSamples - centre_x;
        const float py = float(y) + (float(row) + 0.5f) / kSamples - centre_y;
        const float u = cosine * px + sine * py;
        const float v = cosine * py - sine * px;
        if (u * u + v * v > 1 || !inside(s.outline, u, v)) continue;
        ++covered;
        const auto& colour = s.colours[on_first_stripe(texture_u * u + texture_v * v) ? 0 : 1];
        for (size_t c = 0; c < 3; ++c) sum[c] += colour[c];
      }
      if (covered == 0) continue;
      const int wrapped_x = (x % scene.width + scene.width) % scene.width;
      const int wrapped_y = (y % scene.height + scene.height) % scene.height;
      float* pixel = &picture[size_t(wrapped_y * scene.width + wrapped_x) * 3];
      const float rest = 1 - float(covered) / (kSamples * kSamples);
      for (size_t c = 0; c < 3; ++c) pixel[c] = rest * pixel[c] + sum[c] / (kSamples * kSamples);
    }
  }
}

// Smooth noise in [0, 1): random values on a grid, bilinear between them.
float grid_noise(const CounterRng& random, uint64_t layer, float x, float y) {
  const float x0 = std::floor(x);
  const float y0 = std::floor(y);
  const auto value = [&](float gx, float gy) {
    return random.uniform((layer << 40) + (uint64_t(gy) << 20) + uint64_t(gx), 0, 1);
  };
  const float fx = x - x0;
  const float fy = y - y0;
  const float upper = (1 - fx) * value(x0, y0) + fx * value(x0 + 1, y0);
  const float lower = (1 - fx) * value(x0, y0 + 1) + fx * value(x0 + 1, y0 + 1);
  return (1 - fy) * upper + fy * lower;
}

}  // namespace

Scene make_scene(uint64_t seed, int64_t index, int label) {
  SF_CHECK(label >= 0 && label < int(kMotionClasses.size()), "scene: wanted a label in [0, ",
           kMotionClasses.size(), "), found ", label);
  constexpr std::array<std::array<int, 2>, 3> kSizes = {{{128, 96}, {144, 108}, {160, 120}}};
  Stream random(seed, index);
  Scene scene;
  const auto [width, height] = kSizes[size_t(random.below(int(kSizes.size())))];
  scene.width = width;
  scene.height = height;
  scene.frames = 64 + random.below(9);
  scene.label = label;
  scene.seed = random.bits();
  scene.noise = random.uniform(0, 3);
  // Near the grey that networks subtract: what moves stands out, and how bright a scene is says
  // nothing.
  for (auto& colour : scene.background)
    for (float& channel : colour) channel = random.uniform(95, 135);
  scene.background_scale = random.uniform(12, 40);
  const int clutter = random.below(3);
  for (int i = 0; i < clutter; ++i) scene.clutter.push_back(random_shape(random, 3, 14));
  const int moving = 2 + random.below(3);
  for (int i = 0; i < moving; ++i) {
    const float radius = random.uniform(13, 17);
    SceneShape shape = random_shape(random, radius, radius * random.uniform(1.9f, 2.3f));
    // 0.75 to 1.5 rounds of the circle in 64 frames.
    shape.speed = uint32_t(random.uniform(0.75f, 1.5f) * 0x1p26f);
    scene.moving.push_back(shape);
  }
  return scene;
}

SceneRenderer::SceneRenderer(const Scene& scene) : scene_(scene) {
  SF_CHECK(scene.width > 0 && scene.height > 0 && scene.width % 2 == 0 && scene.height % 2 == 0,
           "scene: wanted an even width and height, found ", scene.width, "x", scene.height);
  const CounterRng random(scene.seed);
  still_.resize(size_t(scene.width) * size_t(scene.height) * 3);
  for (int y = 0; y < scene.height; ++y) {
    for (int x = 0; x < scene.width; ++x) {
      float mix = 0;
      for (int octave = 0; octave < 3; ++octave) {
        const float frequency = float(1 << (2 * octave)) / scene.background_scale;
        mix +=
            grid_noise(random, uint64_t(octave) + 1, float(x) * frequency, float(y) * frequency) /
            float(2 << octave);
      }
      for (size_t c = 0; c < 3; ++c) {
        const auto& [a, b] = scene.background;
        still_[size_t(y * scene.width + x) * 3 + c] = a[c] + (b[c] - a[c]) * mix;
      }
    }
  }
  for (const SceneShape& s : scene.clutter) draw(scene, s, still_);
}

std::vector<uint8_t> SceneRenderer::render(int frame) const {
  SF_CHECK(frame >= 0 && frame < scene_.frames, "scene: wanted a frame in [0, ", scene_.frames,
           "), found ", frame);
  const size_t moved_phase = size_t(scene_.label / 2);
  const uint32_t time = uint32_t(scene_.label % 2 == 0 ? frame : scene_.frames - 1 - frame);
  std::vector<float> picture = still_;
  for (SceneShape s : scene_.moving) {
    // Left and up, the first of their pairs, run against their axes.
    const uint32_t way = s.speed * time;
    s.phase[moved_phase] += moved_phase < 2 ? 0u - way : way;
    draw(scene_, s, picture);
  }
  // The sum of four bytes is nearly normal, with a standard deviation of 147.8.
  std::array<float, 4 * 255 + 1> noise;
  for (int sum = 0; sum <= 4 * 255; ++sum)
    noise[size_t(sum)] = float(sum - 510) * scene_.noise / 147.8f;
  const CounterRng random(CounterRng(scene_.seed).bits(time));
  std::vector<uint8_t> out(picture.size());
  const float* from = picture.data();
  uint8_t* to = out.data();
  for (size_t i = 0; i < picture.size(); i += 2) {
    const uint64_t bits = random.bits(i / 2);
    constexpr uint64_t kEvenBytes = 0x00FF00FF00FF00FF;
    const uint64_t pairs = (bits & kEvenBytes) + (bits >> 8 & kEvenBytes);
    const uint64_t sums = pairs + (pairs >> 16);
    for (const size_t half : {0, 1}) {
      const float value = from[i + half] + noise[sums >> 32 * half & 0xFFFF] + 0.5f;
      to[i + half] = uint8_t(std::min(std::max(value, 0.0f), 255.0f));
    }
  }
  return out;
}

}  // namespace sf
