// Moving shapes whose class is told by motion alone.
//
// Each of four phases of a shape (position along x, along y, angle, size) is a point on a circle, a
// 32-bit number that wraps around. All are drawn evenly over the circle. A pair of classes moves
// one phase; its second class plays the frames of its first backwards. Hence
// - a scene of one class of a pair is that of the other in reverse, to the last bit;
// - a moved phase is as evenly spread as before, so a single frame says nothing about the class;
// - frames in random order do not tell the two of a pair apart.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sf {

// In the order of their labels; pairs are 0 and 1, 2 and 3, and so on.
inline constexpr std::array<std::string_view, 8> kMotionClasses = {
    "left", "right", "up", "down", "clockwise", "counter_clockwise", "grow", "shrink"};

struct SceneShape {
  enum class Outline : uint8_t {
    sector,
    half_disc,
    corner,
    arrow,
    count
  };  // none looks alike when turned

  Outline outline = Outline::sector;
  std::array<uint32_t, 4> phase{};  // x, y, angle, size
  uint32_t speed = 0;               // of the phase that moves, a frame
  float min_radius = 0;             // pixels at size phase 0, growing evenly in its logarithm
  float max_radius = 0;
  std::array<std::array<float, 3>, 2> colours{};  // of the texture, 0 to 255
  float texture_frequency = 0;                    // stripes across the shape
  float texture_angle = 0;
};

struct Scene {
  int width = 0;
  int height = 0;
  int frames = 0;
  int label = 0;
  uint64_t seed = 0;  // of background and noise
  float noise = 0;    // standard deviation, levels of 256, fresh in every frame
  std::array<std::array<float, 3>, 2> background{};
  float background_scale = 0;       // pixels between the points of the coarsest noise
  std::vector<SceneShape> clutter;  // these stand still
  std::vector<SceneShape> moving;
};

// The scene number `index` of a data set. Everything but `label` depends on seed and index alone.
Scene make_scene(uint64_t seed, int64_t index, int label);

class SceneRenderer {
 public:
  // Throws where width or height is odd.
  explicit SceneRenderer(const Scene& scene);

  // Frame number `frame` as 8-bit RGB, height x width x 3 without gaps.
  std::vector<uint8_t> render(int frame) const;

 private:
  Scene scene_;
  std::vector<float> still_;  // background and clutter
};

}  // namespace sf
