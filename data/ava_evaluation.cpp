#include "data/ava_evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr double kLeastOverlap = 0.5;

double area(const BoxCorners& b) { return (b[2] - b[0]) * (b[3] - b[1]); }

double overlap(const BoxCorners& a, const BoxCorners& b) {
  const double width = std::max(0.0, std::min(a[2], b[2]) - std::max(a[0], b[0]));
  const double height = std::max(0.0, std::min(a[3], b[3]) - std::max(a[1], b[1]));
  const double shared = width * height;
  return shared / (area(a) + area(b) - shared);
}

struct Ranked {
  double score = 0;
  bool right = false;
};

// What all key frames say of one class.
struct Tally {
  int64_t truths = 0;
  std::vector<Ranked> detections;  // in the order of key frames and of their boxes
};

// The detections of one class in one key frame against its annotated boxes.
void match(std::span<const AvaBox* const> truths, std::span<const AvaBox* const> detections,
           std::vector<Ranked>& out) {
  std::vector<bool> taken(truths.size());
  for (const AvaBox* detection : detections) {
    size_t best = 0;
    double most = -1;
    for (size_t i = 0; i < truths.size(); ++i) {
      if (const double o = overlap(detection->box, truths[i]->box); o > most) most = o, best = i;
    }
    const bool right = most >= kLeastOverlap && !taken[best];
    if (right) taken[best] = true;
    out.push_back({.score = detection->score, .right = right});
  }
}

double average_precision(const Tally& tally) {
  if (tally.truths == 0) return std::numeric_limits<double>::quiet_NaN();
  std::vector<Ranked> ranked = tally.detections;
  std::ranges::stable_sort(ranked, {}, &Ranked::score);
  std::ranges::reverse(ranked);
  std::vector<double> recall{0}, precision{0};
  int64_t right = 0;
  for (size_t i = 0; i < ranked.size(); ++i) {
    right += ranked[i].right;
    precision.push_back(double(right) / double(i + 1));
    recall.push_back(double(right) / double(tally.truths));
  }
  recall.push_back(1);
  precision.push_back(0);
  for (size_t i = precision.size() - 1; i-- > 0;)
    precision[i] = std::max(precision[i], precision[i + 1]);
  double sum = 0;
  for (size_t i = 0; i + 1 < recall.size(); ++i)
    sum += (recall[i + 1] - recall[i]) * precision[i + 1];
  return sum;
}

using Tallies = std::map<int64_t, Tally>;
using BoxesOfClass = std::map<int64_t, std::vector<const AvaBox*>>;

// Of the classes that are tallied.
BoxesOfClass by_class(const AvaBoxes::Frame& frame, const Tallies& tallies) {
  BoxesOfClass boxes;
  for (const AvaBox& box : frame.boxes)
    if (tallies.contains(box.label)) boxes[box.label].push_back(&box);
  return boxes;
}

bool has_area(const AvaBox& b) { return b.box[0] < b.box[2] && b.box[1] < b.box[3]; }

}  // namespace

std::vector<AvaClass> classes_of(const AvaBoxes& boxes) {
  std::set<int64_t> ids;
  for (const auto& frame : boxes.frames())
    for (const AvaBox& box : frame.boxes) ids.insert(box.label);
  std::vector<AvaClass> classes;
  for (int64_t id : ids) classes.push_back({.id = id, .name = cat("class ", id)});
  return classes;
}

AvaScore evaluate_ava(const AvaBoxes& truth, const AvaBoxes& detections,
                      std::span<const AvaClass> classes, const std::set<VideoSecond>& excluded) {
  AvaScore score;
  Tallies tallies;
  for (const AvaClass& c : classes) tallies[c.id];

  std::map<VideoSecond, BoxesOfClass> truths;
  for (const auto& frame : truth.frames()) {
    if (excluded.contains(frame.key)) continue;
    const BoxesOfClass& boxes = truths[frame.key] = by_class(frame, tallies);
    for (const auto& [label, of_class] : boxes) tallies[label].truths += int64_t(of_class.size());
    score.truth_frames += !boxes.empty();
  }
  for (const auto& frame : detections.frames()) {
    if (excluded.contains(frame.key)) continue;
    BoxesOfClass boxes = by_class(frame, tallies);
    score.detection_frames += !boxes.empty();
    const auto annotated = truths.find(frame.key);
    for (auto& [label, of_class] : boxes) {
      std::erase_if(of_class, [](const AvaBox* b) { return !has_area(*b); });
      std::span<const AvaBox* const> right;
      if (annotated != truths.end()) {
        const auto at = annotated->second.find(label);
        if (at != annotated->second.end()) right = at->second;
      }
      match(right, of_class, tallies[label].detections);
    }
  }

  double sum = 0;
  int64_t counted = 0;
  for (const AvaClass& c : classes) {
    const Tally& tally = tallies.at(c.id);
    score.classes.push_back({.label = c,
                             .truths = tally.truths,
                             .detections = int64_t(tally.detections.size()),
                             .average_precision = average_precision(tally)});
    if (tally.truths == 0) continue;
    sum += score.classes.back().average_precision;
    ++counted;
  }
  score.mean = sum / double(counted);
  return score;
}

}  // namespace sf
