#include "data/mixup.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "configs/config.h"
#include "data/random_draws.h"
#include "kernels/base/error.h"
#include "kernels/base/threads.h"

namespace sf {
namespace {

enum Draw : uint64_t { kMixed, kCut, kShare, kCentreY, kCentreX };

void check(const MixupOptions& o) {
  const auto alpha = [](double a) { return std::isfinite(a) && a >= 0; };
  const auto share = [](double p) { return p >= 0 && p <= 1; };
  SF_CHECK(alpha(o.mixup_alpha) && alpha(o.cutmix_alpha) && o.mixup_alpha + o.cutmix_alpha > 0,
           "mixup: wanted ALPHA or CUTMIX_ALPHA above 0 and none below, found ", o.mixup_alpha,
           " and ", o.cutmix_alpha);
  SF_CHECK(share(o.probability) && share(o.cutmix_probability) && share(o.label_smoothing),
           "mixup: wanted PROB, SWITCH_PROB and LABEL_SMOOTH_VALUE in [0, 1], found ",
           o.probability, ", ", o.cutmix_probability, " and ", o.label_smoothing);
}

// The logarithm of a draw from Gamma(alpha), which may be too small for a double itself.
double log_gamma_variate(double alpha, const CounterRng& rng) {
  // Gamma(alpha) is Gamma(alpha + 1) U^(1 / alpha).
  const double d = alpha + 1 - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  const double log_power = std::log(1 - unit(rng, 0)) / alpha;
  for (uint64_t trial = 1;; ++trial) {
    const CounterRng draws = derived(rng, trial);
    const double x = draws.normal(0);  // of positions 0 and 1
    const double t = 1 + c * x;
    if (t <= 0) continue;
    const double v = t * t * t;
    if (std::log(1 - unit(draws, 2)) < 0.5 * x * x + d - d * v + d * std::log(v))
      return std::log(d * v) + log_power;
  }
}

Box centred_box(PictureSize picture, double share, const CounterRng& rng) {
  const double side = std::sqrt(1 - share);
  const auto clipped = [](int size, int cut, int64_t centre) {
    const auto from = int(std::clamp<int64_t>(centre - cut / 2, 0, size));
    const auto to = int(std::clamp<int64_t>(centre + cut / 2, 0, size));
    return std::pair(from, to - from);
  };
  const auto [y, height] =
      clipped(picture.height, int(picture.height * side), below(rng, kCentreY, picture.height));
  const auto [x, width] =
      clipped(picture.width, int(picture.width * side), below(rng, kCentreX, picture.width));
  return {y, x, height, width};
}

void blend(float* a, float* b, int64_t n, float share, float other) {
  for (int64_t i = 0; i < n; ++i) {
    const float mixed = share * a[i] + other * b[i];
    b[i] = share * b[i] + other * a[i];
    a[i] = mixed;
  }
}

void mix_pathway(const Mixing& mixing, const Tensor& pathway) {
  const Shape& s = pathway.shape();
  const int64_t clips = s[0], frames = s[1], row = s[3] * s[4], frame = s[2] * row;
  const auto share = float(mixing.share), other = float(1 - mixing.share);
  float* const data = pathway.span<float>().data();
  parallel_for(clips / 2 * frames, 1, [&](int64_t i) {
    const int64_t clip = i / frames, t = i % frames;
    float* const a = data + (clip * frames + t) * frame;
    float* const b = data + ((clips - 1 - clip) * frames + t) * frame;
    if (!mixing.cut) return blend(a, b, frame, share, other);
    const Box& box = *mixing.cut;
    for (int64_t y = box.y; y < box.y + box.height; ++y) {
      const int64_t from = y * row + box.x * s[4], to = from + box.width * s[4];
      std::swap_ranges(a + from, a + to, b + from);
    }
  });
}

}  // namespace

CounterRng mixup_rng(uint64_t seed, int64_t epoch, int64_t iteration) {
  const CounterRng run(CounterRng("mixup").bits(seed));
  return derived(derived(run, uint64_t(epoch)), uint64_t(iteration));
}

double symmetric_beta(double alpha, const CounterRng& rng) {
  SF_CHECK(alpha > 0 && std::isfinite(alpha), "beta: wanted an alpha above 0, found ", alpha);
  const double x = log_gamma_variate(alpha, derived(rng, 0));
  const double y = log_gamma_variate(alpha, derived(rng, 1));
  return 1 / (1 + std::exp(y - x));
}

Mixing draw_mixing(const MixupOptions& o, PictureSize picture, const CounterRng& rng) {
  check(o);
  SF_CHECK(picture.height > 0 && picture.width > 0, "mixup: wanted pictures, found ",
           picture.height, "x", picture.width);
  if (unit(rng, kMixed) >= o.probability) return {};
  const bool cuts =
      o.mixup_alpha == 0 || (o.cutmix_alpha > 0 && unit(rng, kCut) < o.cutmix_probability);
  const double share = symmetric_beta(cuts ? o.cutmix_alpha : o.mixup_alpha, derived(rng, kShare));
  if (!cuts) return {.share = share};
  const Box box = centred_box(picture, share, rng);
  const double cut = double(box.height) * box.width / (double(picture.height) * picture.width);
  return {.share = 1 - cut, .cut = box};
}

void mix_clips(const Mixing& mixing, std::span<const Tensor> pathways) {
  SF_CHECK(!pathways.empty(), "mixup: wanted pathways, found none");
  const Shape first = pathways[0].shape();
  for (const Tensor& p : pathways) {
    const Shape& s = p.shape();
    SF_CHECK(p.dtype() == DType::f32 && s.rank() == 5 && s[0] == first[0] && s[2] == first[2] &&
                 s[3] == first[3],
             "mixup: wanted pathways f32 N T H W C of the same N, H and W, found ", p.type(),
             " beside ", pathways[0].type());
  }
  SF_CHECK(first[0] > 1, "mixup: wanted a batch of at least 2 clips, found ", first[0]);
  if (mixing.cut) {
    const Box& b = *mixing.cut;
    SF_CHECK(b.y >= 0 && b.x >= 0 && b.height >= 0 && b.width >= 0 && b.y + b.height <= first[2] &&
                 b.x + b.width <= first[3],
             "mixup: wanted a box within ", first[2], "x", first[3], ", found ", b.height, "x",
             b.width, " at ", b.y, ",", b.x);
  }
  if (mixing.share == 1) return;
  for (const Tensor& p : pathways) mix_pathway(mixing, p);
}

Tensor mixed_targets(const Mixing& mixing, std::span<const int64_t> labels, int64_t classes,
                     double label_smoothing) {
  SF_CHECK(classes > 0, "mixup: wanted classes, found ", classes);
  const auto rest = float(label_smoothing / double(classes));
  const auto own = float(1 - label_smoothing + label_smoothing / double(classes));
  const auto share = float(mixing.share), other = float(1 - mixing.share);
  Tensor targets({Shape{int64_t(labels.size()), classes}, DType::f32});
  float* row = targets.span<float>().data();
  for (size_t i = 0; i < labels.size(); ++i, row += classes) {
    const int64_t first = labels[i], second = labels[labels.size() - 1 - i];
    SF_CHECK(first >= 0 && first < classes, "mixup: wanted a label in [0, ", classes, "), found ",
             first);
    for (int64_t c = 0; c < classes; ++c)
      row[c] = share * (c == first ? own : rest) + other * (c == second ? own : rest);
  }
  return targets;
}

MixedScores mixed_scores(const Tensor& scores, const Tensor& targets) {
  SF_CHECK(scores.type() == targets.type() && scores.dtype() == DType::f32 &&
               scores.shape().rank() == 2 && scores.shape()[1] > 1,
           "mixup: wanted scores and targets f32 N x classes, at least 2 classes, found ",
           scores.type(), " and ", targets.type());
  MixedScores result{.scores = scores.clone(), .labels = {}};
  const int64_t classes = scores.shape()[1];
  float* score = result.scores.span<float>().data();
  const float* share = targets.span<float>().data();
  for (int64_t i = 0; i < scores.shape()[0]; ++i, score += classes, share += classes) {
    int64_t first = 0, second = 1;
    if (share[1] > share[0]) std::swap(first, second);
    for (int64_t c = 2; c < classes; ++c) {
      if (share[c] > share[first]) {
        second = std::exchange(first, c);
      } else if (share[c] > share[second]) {
        second = c;
      }
    }
    score[first] += score[second];
    score[second] = 0;
    result.labels.push_back(first);
  }
  return result;
}

std::optional<MixupOptions> mixup_options(const Config& config) {
  if (!config.get<bool>("MIXUP.ENABLE")) return {};
  const MixupOptions o{.mixup_alpha = config.get<double>("MIXUP.ALPHA"),
                       .cutmix_alpha = config.get<double>("MIXUP.CUTMIX_ALPHA"),
                       .probability = config.get<double>("MIXUP.PROB"),
                       .cutmix_probability = config.get<double>("MIXUP.SWITCH_PROB"),
                       .label_smoothing = config.get<double>("MIXUP.LABEL_SMOOTH_VALUE")};
  check(o);
  return o;
}

}  // namespace sf
