#include "apps/engine/clip_scores.h"

#include <deque>
#include <utility>

#include "apps/engine/inference_group.h"
#include "apps/engine/progress.h"
#include "data/metrics.h"
#include "data/sliding_clips.h"

namespace sf {
namespace {

double overlap_of(const Config& config) {
  const auto overlap = config.get<int64_t>("DEMO.BUFFER_SIZE");
  SF_CHECK(overlap >= 0, "DEMO.BUFFER_SIZE: wanted at least 0, found ", overlap);
  return double(overlap);
}

// Crops wait until a batch of them is there, started batches until their scores are wanted.
class Scoring {
 public:
  Scoring(const Config& config, const Model& model, std::span<const Device> devices,
          const std::filesystem::path& video)
      : loading_(test_loader_options(config)),
        clips_(video, loading_, overlap_of(config)),
        network_(model, config, loading_.crop_size, devices, inference_options(config)),
        method_(parse_ensemble(config.get<std::string>("DATA.ENSEMBLE_METHOD"))),
        ensemble_(clips_.clips(), loading_.crops, config.get<int64_t>("MODEL.NUM_CLASSES"),
                  method_),
        batch_(size_t(network_.chunk()) * devices.size()),
        progress_("Scoring", "crops", clips_.clips() * loading_.crops) {}

  std::vector<ClipScores> run() {
    while (auto clip = clips_.next()) {
      found_.push_back({.start = clip->window.start, .end = clip->window.end + 1, .scores = {}});
      for (auto& pathways : clip->crops) {
        waiting_.push_back(std::move(pathways));
        if (waiting_.size() == batch_) start();
      }
    }
    if (!waiting_.empty()) start();
    while (!started_.empty()) finish();
    for (size_t i = 0; i < found_.size(); ++i) {
      const auto scores = ensemble_.scores(int64_t(i));
      found_[i].scores.assign(scores.begin(), scores.end());
      if (method_ == Ensemble::sum)
        for (float& score : found_[i].scores) score /= float(loading_.crops);
    }
    return std::move(found_);
  }

 private:
  void start() {
    network_.start(waiting_);
    started_.push_back(waiting_.size());
    waiting_.clear();
    while (started_.size() > network_.ahead()) finish();
  }

  void finish() {
    const Tensor scores = network_.finish().scores;
    const auto classes = size_t(ensemble_.classes());
    for (size_t i = 0; i < started_.front(); ++i, ++scored_)
      ensemble_.add(scored_ / loading_.crops, int(scored_ % loading_.crops), 0,
                    scores.span<float>().subspan(i * classes, classes));
    progress_.advance(int64_t(started_.front()));
    started_.pop_front();
  }

  TestLoaderOptions loading_;
  SlidingClips clips_;
  InferenceGroup network_;
  Ensemble method_;
  ViewEnsemble ensemble_;  // of a clip's crops
  size_t batch_;
  std::vector<std::vector<Tensor>> waiting_;
  std::deque<size_t> started_;  // crops of each batch
  int64_t scored_ = 0;          // crops
  std::vector<ClipScores> found_;
  ProgressBar progress_;
};

}  // namespace

std::vector<ClipScores> score_clips(const Config& config, const Model& model,
                                    std::span<const Device> devices,
                                    const std::filesystem::path& video) {
  return Scoring(config, model, devices, video).run();
}

}  // namespace sf
