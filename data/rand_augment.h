// RandAugment (Cubuk et al. 2019) with the magnitudes of PySlowFast: random changes of the pictures
// of a clip before they are normalised.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "data/picture_ops.h"
#include "kernels/base/counter_rng.h"

namespace sf {

struct RandAugmentOptions {
  int layers = 2;            // changes drawn for a clip, of which each is left out half the time
  double magnitude = 10;     // 10 changes most
  double magnitude_std = 0;  // standard deviation of each change's magnitude, within [0, 10]
  bool increasing = false;   // a larger magnitude always changes more, not only in geometry
  bool weighted = false;     // draw often what helps often, and nothing twice
  std::optional<Interpolation> interpolation = {};  // none: bilinear or bicubic, for each frame
  friend bool operator==(const RandAugmentOptions&, const RandAugmentOptions&) = default;
};

// Reads "rand" and, in any order, "-m9" (magnitude), "-mstd0.5", "-n2" (layers), "-inc1" (any
// number means increasing, also 0, as in the original) and "-w0" (weighted). Throws for anything
// else; `where` stands before the message.
RandAugmentOptions parse_rand_augment(std::string_view text, std::string_view where);

// "nearest", "bilinear", "bicubic"; none for "random". Throws for other words; `where` stands
// before the message.
std::optional<Interpolation> parse_interpolation(std::string_view word, std::string_view where);

// The changes of frame `frame` of the clip that `rng` belongs to, one after the other. They are
// those of the other frames, but for an interpolation that is drawn. Throws if there are no such
// options: layers or deviations below 0, more weighted layers than weights.
std::vector<PictureOp> rand_augment(const RandAugmentOptions& options, const CounterRng& rng,
                                    int64_t frame);

class Config;

// AUG.AA_TYPE and AUG.INTERPOLATION; none if AUG.ENABLE is off or AA_TYPE is empty.
std::optional<RandAugmentOptions> rand_augment_options(const Config& config);

}  // namespace sf
