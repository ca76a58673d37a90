#include "data/box_tracks.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "kernels/base/error.h"

namespace sf {
namespace {

// Persons move less than this between key frames, different ones overlap less.
constexpr double kLeastOverlap = 0.3;

double area(const BoxCorners& b) { return std::max(0.0, b[2] - b[0]) * std::max(0.0, b[3] - b[1]); }

BoxCorners between(const BoxCorners& a, const BoxCorners& b, double share) {
  BoxCorners c;
  for (size_t i = 0; i < 4; ++i) c[i] = a[i] + (b[i] - a[i]) * share;
  return c;
}

}  // namespace

double intersection_over_union(const BoxCorners& a, const BoxCorners& b) {
  const double common = area(
      {std::max(a[0], b[0]), std::max(a[1], b[1]), std::min(a[2], b[2]), std::min(a[3], b[3])});
  const double all = area(a) + area(b) - common;
  return all > 0 ? common / all : 0;
}

BoxTracks::BoxTracks(std::vector<KeyBox> boxes) : boxes_(std::move(boxes)) {
  SF_CHECK(std::ranges::is_sorted(boxes_, {}, &KeyBox::frame), "boxes: wanted them by frame");
  for (size_t i = 0; i < boxes_.size(); ++i) {
    if (i == 0 || boxes_[i].frame > boxes_[i - 1].frame) keys_.push_back({i, i});
    keys_.back().end = i + 1;
  }
  std::vector<double> distances;
  for (size_t k = 0; k + 1 < keys_.size(); ++k) distances.push_back(distance(k));
  if (!distances.empty()) {
    const auto middle = distances.begin() + std::ptrdiff_t(distances.size() / 2);
    std::ranges::nth_element(distances, middle);
    usual_ = *middle;
  }
  next_.assign(boxes_.size(), kNone);
  previous_ = next_;
  for (size_t k = 0; k + 1 < keys_.size(); ++k)
    if (distance(k) <= 2 * usual_) link(keys_[k], keys_[k + 1]);
  size_t tracks = 0;
  for (size_t i = 0; i < boxes_.size(); ++i)
    track_.push_back(previous_[i] == kNone ? tracks++ : track_[previous_[i]]);
}

double BoxTracks::distance(size_t k) const {
  return boxes_[keys_[k + 1].begin].frame - boxes_[keys_[k].begin].frame;
}

void BoxTracks::link(Range from, Range to) {
  const auto join = [&](size_t a, size_t b) {
    if (next_[a] != kNone || previous_[b] != kNone) return;
    next_[a] = b;
    previous_[b] = a;
  };
  std::vector<std::tuple<double, size_t, size_t>> overlaps;
  for (size_t a = from.begin; a < from.end; ++a)
    for (size_t b = to.begin; b < to.end; ++b) {
      if (boxes_[a].person || boxes_[b].person) {
        if (boxes_[a].person == boxes_[b].person) join(a, b);
        continue;
      }
      const double overlap = intersection_over_union(boxes_[a].box, boxes_[b].box);
      if (overlap > kLeastOverlap) overlaps.emplace_back(-overlap, a, b);
    }
  std::ranges::sort(overlaps);  // the first of equal ones first
  for (const auto& [overlap, a, b] : overlaps) join(a, b);
}

std::vector<TrackedBox> BoxTracks::at(double frame) const {
  std::vector<TrackedBox> found;
  if (keys_.empty()) return found;
  const auto after = std::ranges::upper_bound(
      keys_, frame, {}, [&](const Range& range) { return boxes_[range.begin].frame; });
  const auto time = [&](const auto& range) { return boxes_[range.begin].frame; };
  const bool has_before = after != keys_.begin(), has_after = after != keys_.end();
  const double gap = has_before && has_after ? time(*after) - time(*(after - 1)) : usual_;
  const double stays = std::min(gap, usual_) / 2;
  if (has_before) {
    const Range before = *(after - 1);
    const double passed = frame - time(before);
    for (size_t a = before.begin; a < before.end; ++a) {
      if (const size_t b = next_[a]; b != kNone && has_after) {
        const double share = passed / gap;
        found.push_back(
            {between(boxes_[a].box, boxes_[b].box, share), share < 0.5 ? a : b, track_[a]});
      } else if (passed <= stays) {
        found.push_back({boxes_[a].box, a, track_[a]});
      }
    }
  }
  if (has_after && time(*after) - frame < stays)
    for (size_t b = after->begin; b < after->end; ++b)
      if (previous_[b] == kNone) found.push_back({boxes_[b].box, b, track_[b]});
  std::ranges::sort(found, {}, &TrackedBox::track);
  return found;
}

}  // namespace sf
