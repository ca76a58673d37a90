// Mixup (Zhang et al. 2017) and CutMix (Yun et al. 2019): the clips of a batch are mixed with those
// of the same batch in reverse order, and so are their labels.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "data/spatial.h"
#include "kernels/base/counter_rng.h"
#include "tensor/tensor.h"

namespace sf {

struct MixupOptions {
  double mixup_alpha = 0.8;   // shares of clips are drawn from Beta(alpha, alpha); 0: never blend
  double cutmix_alpha = 1.0;  // the same for cutting; 0: never cut
  double probability = 1.0;   // of a batch to be mixed
  double cutmix_probability = 0.5;  // of cutting, where both are on
  double label_smoothing = 0.1;     // share of a label spread over all classes
  friend bool operator==(const MixupOptions&, const MixupOptions&) = default;
};

// How the clips of one batch are mixed.
struct Mixing {
  double share = 1;             // of each clip's own pixels and label in the result
  std::optional<Box> cut = {};  // taken from the other clip; none: all pixels are blended
  friend bool operator==(const Mixing&, const Mixing&) = default;
};

// The generator of a batch.
CounterRng mixup_rng(uint64_t seed, int64_t epoch, int64_t iteration);

// Evenly distributed draws become draws from Beta(alpha, alpha), alpha > 0: the ratio of two gamma
// variates by Marsaglia and Tsang (2000).
double symmetric_beta(double alpha, const CounterRng& rng);

// Draws a mixing for clips of that size. The share of a cut is what the box, cut off at the
// borders, leaves. Throws for options that make no sense.
Mixing draw_mixing(const MixupOptions& options, PictureSize picture, const CounterRng& rng);

// Mixes the clips of every pathway (f32 N T H W C, of the same N, H and W) in place: clip i with
// clip N - 1 - i, so that the middle one of an odd number stays. Throws if there is a single clip.
void mix_clips(const Mixing& mixing, std::span<const Tensor> pathways);

// The shares of the classes, f32 N x classes: a label's own class has 1 - smoothing + smoothing /
// classes, all others smoothing / classes; mixed like the clips. Throws for labels that are none.
Tensor mixed_targets(const Mixing& mixing, std::span<const int64_t> labels, int64_t classes,
                     double label_smoothing);

// What accuracy is measured on while batches are mixed.
struct MixedScores {
  Tensor scores;                // f32 N x classes
  std::vector<int64_t> labels;  // the class of the largest share of each clip
};

// As in the original, the score of the class with the second largest share is moved to that with
// the largest and set to 0. Of equal shares that of the lower class counts as larger. scores and
// targets: f32 N x classes, at least two classes.
MixedScores mixed_scores(const Tensor& scores, const Tensor& targets);

class Config;

// Section MIXUP; none if MIXUP.ENABLE is off.
std::optional<MixupOptions> mixup_options(const Config& config);

}  // namespace sf
