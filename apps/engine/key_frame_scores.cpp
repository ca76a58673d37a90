#include "apps/engine/key_frame_scores.h"

#include <utility>

#include "apps/engine/logging.h"
#include "apps/engine/progress.h"
#include "apps/engine/stored_batch.h"

namespace sf {
KeyFrameScores::KeyFrameScores(const Config& config, const Model& model,
                               std::span<const Device> devices, const InferenceOptions& options,
                               const Dataset& dataset, const TrainLoaderOptions& loading,
                               const TrainingRanks& ranks)
    : config_(config),
      model_(model),
      devices_(devices.begin(), devices.end()),
      options_(options),
      ranks_(ranks),
      key_frames_(dataset.size()),
      loader_(dataset, loading) {
  SF_CHECK(model.detects(), "DETECTION.ENABLE: wanted True for boxes, found False");
  SF_CHECK(options.max_batch > 0, "detection: wanted batches of at least one clip, found ",
           options.max_batch);
}

void KeyFrameScores::run(const std::function<void(const ScoredBox&)>& visit) {
  if (std::exchange(unfinished_, true)) {
    network_.reset();
    clips_.clear();
    boxes_.clear();
    started_.clear();
  }
  visit_ = visit;
  loader_.start(0);
  ProgressBar progress("Detecting", "key frames", key_frames_);
  while (const auto batch = loader_.next()) {
    progress.clear();
    if (!batch->videos.empty()) add(*batch);
    log_faults(false);
    progress.advance(int64_t(batch->videos.size()));
  }
  progress.clear();
  finish_all();
  if (network_) network_->release_weights();
  visit_ = nullptr;
  unfinished_ = false;
  if (ranks_.size() > 1) ranks_.world->await_all();
  log_faults(true);
  SF_LOG("{:.1f} key frames/s", progress.rate());
}

// Ranks tell each other at the end.
void KeyFrameScores::log_faults(bool at_end) {
  for (std::string& fault : loader_.take_faults()) faults_.push_back(std::move(fault));
  if (!at_end && ranks_.size() > 1) return;
  for (const std::string& fault : all_of(ranks_, true, faults_))
    SF_WARN("Cannot read a clip: {}", fault);
  faults_.clear();
}

void KeyFrameScores::add(const TrainBatch& batch) {
  const BatchBoxes& boxes = *batch.boxes;
  const Shape& pictures = batch.pathways[0].shape();
  const ClipSize size(pictures[2], pictures[3]);
  if (!network_ || !(size == size_)) {
    finish_all();
    network_.reset();  // the memory of one plan is enough
    network_.emplace(model_, config_, size, devices_, options_);
    size_ = size;
  }
  const auto in_type = [&](const Tensor& t) {
    return t.dtype() == model_.dtype() ? t : t.to(model_.dtype());
  };
  std::vector<Tensor> pathways;
  for (const Tensor& pathway : batch.pathways) pathways.push_back(in_type(pathway));
  auto clips = split_clips(pathways);
  add_boxes(clips, in_type(boxes.boxes));
  int64_t first = 0, entry = 0;
  for (auto& clip : clips) {
    const int64_t video = batch.videos[size_t(entry++)];
    const int64_t count = clip.back().shape()[0];
    if (count == 0) continue;
    for (int64_t k = first; k < first + count; ++k) {
      const auto place = boxes.places.row(k).span<int64_t>();
      const auto shares = boxes.originals.row(k).span<float>();
      boxes_.push_back({video, place[0], place[1], {shares[0], shares[1], shares[2], shares[3]}});
    }
    first += count;
    clips_.push_back(std::move(clip));
    if (int64_t(clips_.size()) == options_.max_batch) start_batch();
  }
}

void KeyFrameScores::start_batch() {
  network_->start(clips_);
  started_.push_back(std::exchange(boxes_, {}));
  clips_.clear();
  while (started_.size() > network_->ahead()) finish_batch();
}

void KeyFrameScores::finish_batch() {
  const Tensor scores = network_->finish().scores.to(DType::f32);
  const std::vector<Box> boxes = std::move(started_.front());
  started_.pop_front();
  for (size_t k = 0; k < boxes.size(); ++k)
    visit_({.entry = boxes[k].entry,
            .video = boxes[k].video,
            .second = boxes[k].second,
            .box = boxes[k].corners,
            .scores = scores.row(int64_t(k)).span<float>()});
}

void KeyFrameScores::finish_all() {
  if (!clips_.empty()) start_batch();
  while (!started_.empty()) finish_batch();
}

}  // namespace sf
