#include "apps/engine/detection.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "apps/engine/logging.h"
#include "apps/engine/setup.h"

namespace sf {
namespace {

std::filesystem::path annotation(const Config& config, const char* key) {
  return std::filesystem::path(config.get<std::string>("AVA.ANNOTATION_DIR")) /
         config.get<std::string>(key);
}

}  // namespace

DetectionEvaluation::DetectionEvaluation(const Config& config, Split split, const Model& model,
                                         std::span<const Device> devices,
                                         const InferenceOptions& options,
                                         const TrainingRanks& ranks)
    : config_(config),
      ranks_(ranks),
      lists_(ava_options(config, split)),
      dataset_(lists_),
      truth_(
          read_ava_boxes(annotation(config, "AVA.GROUNDTRUTH_FILE"), AvaFile::truth, lists_.every)),
      classes_(read_ava_classes(annotation(config, "AVA.LABEL_MAP_FILE"))),
      excluded_(read_ava_exclusions(annotation(config, "AVA.EXCLUSION_FILE"))),
      scores_(config, model, devices, options, dataset_,
              key_frame_loader_options(config, split, ranks.batch_part(repeats_videos(config))),
              ranks) {
  for (const std::string& warning : dataset_.warnings()) SF_WARN("{}", warning);
}

std::vector<DetectionEvaluation::Detection> DetectionEvaluation::detect() {
  std::vector<Detection> all;
  scores_.run([&](const ScoredBox& b) {
    all.push_back({b.entry, b.box, {b.scores.begin(), b.scores.end()}});
  });
  if (ranks_.size() == 1) return all;
  const auto classes = size_t(config_.get<int64_t>("MODEL.NUM_CLASSES"));
  const size_t bytes = sizeof(int64_t) + sizeof(BoxCorners) + classes * sizeof(float);
  std::string mine;
  const auto append = [&](const void* data, size_t size) {
    mine.append(static_cast<const char*>(data), size);
  };
  for (const Detection& d : all) {
    append(&d.entry, sizeof(d.entry));
    append(&d.box, sizeof(d.box));
    append(d.scores.data(), classes * sizeof(float));
  }
  all.clear();
  for (int rank = 0; rank < ranks_.size(); ++rank) {
    const std::string told = told_by(ranks_, rank, mine);
    for (size_t at = 0; at < told.size(); at += bytes) {
      Detection d{.scores = std::vector<float>(classes)};
      const char* from = told.data() + at;
      std::memcpy(&d.entry, from, sizeof(d.entry));
      std::memcpy(&d.box, from + sizeof(d.entry), sizeof(d.box));
      std::memcpy(d.scores.data(), from + sizeof(d.entry) + sizeof(d.box), classes * sizeof(float));
      all.push_back(std::move(d));
    }
  }
  std::ranges::stable_sort(all, {}, &Detection::entry);
  return all;
}

AvaScore DetectionEvaluation::run() {
  const auto found = detect();
  if (!ranks_.leads()) return {};
  AvaBoxes detections;
  for (const Detection& d : found) {
    const KeyFrame& frame = *dataset_.key_frame(d.entry);
    detections.add({dataset_.video_name(frame.video), frame.second}, d.box, d.scores, classes_);
  }
  const std::filesystem::path output = config_.get<std::string>("OUTPUT_DIR");
  AvaScore score = evaluate_ava(truth_, detections, classes_, excluded_);
  SF_LOG("Evaluating with {} unique GT frames.", score.truth_frames);
  SF_LOG("Evaluating with {} unique detection frames", score.detection_frames);
  for (const auto& [name, boxes] : {std::pair("detections_latest.csv", &detections),
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

void test_detection(const Config& config, const Model& model, std::span<const Device> devices,
                    const TrainingRanks& ranks) {
  DetectionEvaluation evaluation(config, Split::test, model, devices,
                                 inference_options(config, ranks), ranks);
  const AvaScore score = evaluation.run();
  if (!ranks.leads()) return;
  for (const std::string& line : detection_table(score)) SF_LOG("{}", line);
  log_epoch_stats({{"map", score.mean}, {"mode", "test"}}, config.get<std::string>("OUTPUT_DIR"));
}

}  // namespace sf
