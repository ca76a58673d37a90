#include "apps/engine/training_targets.h"

#include "apps/engine/boxes.h"

namespace sf {

TrainingTargets::TrainingTargets(const Config& config, const std::optional<MixupOptions>& mixup,
                                 int64_t epoch, int64_t iteration, const TrainBatch& batch) {
  if (batch.boxes) {
    values_ = first_rows(batch.boxes->labels, batch.boxes->count);
  } else if (!mixup) {
    values_ = Tensor::from(batch.labels, {int64_t(batch.labels.size())});
  } else {
    const Shape& clips = batch.pathways[0].shape();
    const PictureSize picture{int(clips[2]), int(clips[3])};
    const auto seed = uint64_t(config.get<int64_t>("RNG_SEED"));
    const Mixing mixing = draw_mixing(*mixup, picture, mixup_rng(seed, epoch, iteration));
    mix_clips(mixing, batch.pathways);
    values_ = mixed_targets(mixing, batch.labels, config.get<int64_t>("MODEL.NUM_CLASSES"),
                            mixup->label_smoothing);
  }
}

TopMisses TrainingTargets::misses(const Tensor& logits, std::span<const int64_t> labels) const {
  if (values_.dtype() == DType::i64) return top_misses(logits, labels);
  const MixedScores mixed = mixed_scores(logits.to(DType::f32), values_);
  return top_misses(mixed.scores, mixed.labels);
}

}  // namespace sf
