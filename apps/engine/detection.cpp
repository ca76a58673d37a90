#include "apps/engine/detection.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "apps/engine/logging.h"
#include "apps/engine/progress.h"
#include "apps/engine/setup.h"

namespace sf {
namespace {

std::filesystem::path annotation(const Config& config, const char* key) {
  return std::filesystem::path(config.get<std::string>("AVA.ANNOTATION_DIR")) /
         config.get<std::string>(key);
}

// The boxes of each clip of a batch, f32 K x 4 in pixels.
std::vector<Tensor> boxes_by_clip(const BatchBoxes& boxes, int64_t clips) {
  std::vector<std::vector<float>> corners(static_cast<size_t>(clips));
  for (int64_t k = 0; k < boxes.count; ++k) {
    const auto row = boxes.boxes.row(k).span<float>();
    auto& of_clip = corners.at(size_t(row[0]));
    of_clip.insert(of_clip.end(), row.begin() + 1, row.end());
  }
  std::vector<Tensor> all;
  for (const auto& c : corners) all.push_back(Tensor::from(c, {int64_t(c.size() / 4), 4}));
  return all;
}

}  // namespace

DetectionEvaluation::DetectionEvaluation(const Config& config, Split split, const Model& model,
                                         std::span<const Device> devices,
                                         const InferenceOptions& options)
    : config_(config),
      model_(model),
      devices_(devices.begin(), devices.end()),
      options_(options),
      lists_(ava_options(config, split)),
      dataset_(lists_),
      loader_(dataset_, key_frame_loader_options(config, split)),
      truth_(
          read_ava_boxes(annotation(config, "AVA.GROUNDTRUTH_FILE"), AvaFile::truth, lists_.every)),
      classes_(read_ava_classes(annotation(config, "AVA.LABEL_MAP_FILE"))),
      excluded_(read_ava_exclusions(annotation(config, "AVA.EXCLUSION_FILE"))) {
  SF_CHECK(model.detects(), "DETECTION.ENABLE: wanted True for a data set of boxes, found False");
  for (const std::string& warning : dataset_.warnings()) SF_WARN("{}", warning);
}

AvaScore DetectionEvaluation::run() {
  detections_ = {};
  loader_.start(0);
  ProgressBar progress("Detecting", "key frames", dataset_.size());
  while (const auto batch = loader_.next()) {
    add(*batch);
    progress.clear();
    log_loader_faults();
    progress.advance(int64_t(batch->videos.size()));
  }
  finish_all();
  if (network_) network_->release_weights();
  progress.clear();
  log_loader_faults();
  SF_LOG("{:.1f} key frames/s", progress.rate());
  return evaluate();
}

void DetectionEvaluation::log_loader_faults() {
  for (const std::string& fault : loader_.take_faults()) SF_WARN("Cannot read a clip: {}", fault);
}

void DetectionEvaluation::add(const TrainBatch& batch) {
  const BatchBoxes& boxes = *batch.boxes;
  const Shape& pictures = batch.pathways[0].shape();
  const ClipSize size(pictures[2], pictures[3]);
  if (!network_ || !(size == size_)) {
    finish_all();
    network_.reset();  // the memory of one plan is enough
    network_.emplace(model_, config_, size, devices_, options_);
    size_ = size;
  }
  const std::vector<Tensor> by_clip = boxes_by_clip(boxes, pictures[0]);
  int64_t first = 0;
  for (int64_t i = 0; i < pictures[0]; ++i) {
    const Tensor& corners = by_clip[size_t(i)];
    const int64_t count = corners.shape()[0];
    if (count == 0) continue;
    for (int64_t k = first; k < first + count; ++k) {
      const auto place = boxes.places.row(k).span<int64_t>();
      const auto shares = boxes.originals.row(k).span<float>();
      persons_.push_back({.key = {dataset_.video_name(place[0]), place[1]},
                          .box = {shares[0], shares[1], shares[2], shares[3]}});
    }
    first += count;
    auto& clip = clips_.emplace_back();
    for (const Tensor& pathway : batch.pathways) clip.push_back(pathway.row(i));
    clip.push_back(corners);
    if (int64_t(clips_.size()) == options_.max_batch) start_batch();
  }
}

void DetectionEvaluation::start_batch() {
  network_->start(clips_);
  started_.push_back(std::exchange(persons_, {}));
  clips_.clear();
  while (started_.size() > network_->ahead()) finish_batch();
}

void DetectionEvaluation::finish_batch() {
  const Tensor scores = network_->finish().scores;
  const std::vector<Person> persons = std::move(started_.front());
  started_.pop_front();
  for (size_t k = 0; k < persons.size(); ++k)
    detections_.add(persons[k].key, persons[k].box, scores.row(int64_t(k)).span<float>(), classes_);
}

void DetectionEvaluation::finish_all() {
  if (!clips_.empty()) start_batch();
  while (!started_.empty()) finish_batch();
}

AvaScore DetectionEvaluation::evaluate() const {
  const std::filesystem::path output = config_.get<std::string>("OUTPUT_DIR");
  const AvaScore score = evaluate_ava(truth_, detections_, classes_, excluded_);
  SF_LOG("Evaluating with {} unique GT frames.", score.truth_frames);
  SF_LOG("Evaluating with {} unique detection frames", score.detection_frames);
  for (const auto& [name, boxes] : {std::pair("detections_latest.csv", &detections_),
                                    std::pair("groundtruth_latest.csv", &truth_)}) {
    write_ava_boxes(output / name, *boxes);
    SF_LOG("AVA results wrote to {}", (output / name).string());
  }
  return score;
}

std::vector<std::string> detection_table(const AvaScore& score) {
  std::vector<AvaClassScore> classes;
  std::ranges::copy_if(score.classes, std::back_inserter(classes),
                       [](const AvaClassScore& c) { return c.truths > 0; });
  std::ranges::stable_sort(classes, std::ranges::greater{}, &AvaClassScore::average_precision);
  std::vector<std::string> lines{fmt::format("{:<50} {:>6} {:>8}", "class", "boxes", "AP")};
  for (const AvaClassScore& c : classes)
    lines.push_back(
        fmt::format("{:<50} {:>6} {:>8.4f}", c.label.name, c.truths, c.average_precision));
  lines.push_back(fmt::format("mAP at an IoU of 0.5, of {} classes with annotated boxes: {:.5f}",
                              classes.size(), score.mean));
  return lines;
}

void test_detection(const Config& config, const Model& model, std::span<const Device> devices) {
  DetectionEvaluation evaluation(config, Split::test, model, devices, inference_options(config));
  const AvaScore score = evaluation.run();
  for (const std::string& line : detection_table(score)) SF_LOG("{}", line);
  log_epoch_stats({{"map", score.mean}, {"mode", "test"}}, config.get<std::string>("OUTPUT_DIR"));
}

}  // namespace sf
