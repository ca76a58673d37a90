// Random changes of the colours of clips whose values lie in [0, 1], before they are normalised.
// Results are not cut off at 0 and 1.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "data/clip_view.h"
#include "kernels/base/counter_rng.h"

namespace sf {

enum class ColorChange { brightness, contrast, saturation };

// Blends the clip x with what it would be at 0 to factor * x + (1 - factor) * zero. zero: black;
// the mean grey of each frame; each pixel's grey, 0.299 red + 0.587 green + 0.114 blue.
struct ColorFactor {
  ColorChange change = ColorChange::brightness;
  double factor = 1;
  friend bool operator==(const ColorFactor&, const ColorFactor&) = default;
};
void change_color(const ClipView& clip, const ColorFactor& change);

// Factors are drawn from 1 - x to 1 + x; 0 leaves that change out.
struct ColorJitter {
  double brightness = 0.4;
  double contrast = 0.4;
  double saturation = 0.4;
  friend bool operator==(const ColorJitter&, const ColorJitter&) = default;
};

// The changes of a clip, in random order.
std::vector<ColorFactor> draw_color_jitter(const ColorJitter& jitter, const CounterRng& rng);

// The lighting of AlexNet (Krizhevsky et al. 2012): a random sum of the principal changes of colour
// of natural pictures.
struct Lighting {
  double deviation = 0.1;  // standard deviation of the share of each change
  std::array<double, 3> strengths{0.225, 0.224, 0.229};
  std::array<std::array<double, 3>, 3> directions{{{-0.5675, 0.7192, 0.4009},
                                                   {-0.5808, -0.0045, -0.8140},
                                                   {-0.5836, -0.6948, 0.4203}}};  // [color][change]
  friend bool operator==(const Lighting&, const Lighting&) = default;
};

// What is added to red, green and blue of every pixel of a clip.
std::array<float, 3> draw_lighting(const Lighting& lighting, const CounterRng& rng);

struct ColorAugmentation {
  std::optional<ColorJitter> jitter = {};
  Lighting lighting = {};
  friend bool operator==(const ColorAugmentation&, const ColorAugmentation&) = default;
};

// Draws both and applies the jitter, then the lighting.
void augment_colors(const ClipView& clip, const ColorAugmentation& augmentation,
                    const CounterRng& rng);

class Config;

// That of AVA: none if AVA.TRAIN_USE_COLOR_AUGMENTATION is off; no jitter with
// AVA.TRAIN_PCA_JITTER_ONLY; lighting by DATA.TRAIN_PCA_EIGVAL and DATA.TRAIN_PCA_EIGVEC.
std::optional<ColorAugmentation> color_augmentation(const Config& config);

}  // namespace sf
