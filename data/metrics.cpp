#include "data/metrics.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/error.h"

namespace sf {

bool in_top_k(std::span<const float> scores, int64_t label, int k) {
  SF_CHECK(k >= 1, "top-k: wanted k of at least 1, found ", k);
  SF_CHECK(label >= 0 && label < int64_t(scores.size()), "top-k: wanted a label in [0, ",
           scores.size(), "), found ", label);
  const float own = scores[size_t(label)];
  int64_t before = 0;
  for (size_t c = 0; c < scores.size(); ++c) {
    const float s = scores[c];
    const bool lower_class = int64_t(c) < label;
    const bool above = std::isnan(own) ? !std::isnan(s) : s > own;
    const bool equal = std::isnan(own) ? std::isnan(s) : s == own;
    before += above || (equal && lower_class);
  }
  return before < std::min<int64_t>(k, int64_t(scores.size()));
}

Ensemble parse_ensemble(std::string_view text) {
  if (text == "sum") return Ensemble::sum;
  if (text == "max") return Ensemble::max;
  throw Error(cat("DATA.ENSEMBLE_METHOD: wanted sum or max, found ", text));
}

ViewEnsemble::ViewEnsemble(int64_t videos, int clips_per_video, int64_t classes, Ensemble method,
                           bool multi_label)
    : videos_(videos), clips_(clips_per_video), classes_(classes), method_(method) {
  SF_CHECK(videos >= 0 && clips_per_video > 0 && classes > 0,
           "ensemble: wanted clips and classes, found ", videos, " videos, ", clips_per_video,
           " clips, ", classes, " classes");
  scores_.assign(size_t(videos * classes), multi_label ? -1e10f : 0.0f);
  labels_.assign(size_t(videos), -1);
  counts_.assign(size_t(videos), 0);
  joined_.assign(size_t(videos), 0);
  waiting_.resize(size_t(videos));
}

void ViewEnsemble::add(int64_t video, int clip, int64_t label, std::span<const float> scores) {
  SF_CHECK(video >= 0 && video < videos_, "ensemble: wanted a video in [0, ", videos_, "), found ",
           video);
  SF_CHECK(clip >= 0 && clip < clips_, "ensemble: wanted a clip in [0, ", clips_, "), found ",
           clip);
  SF_CHECK(int64_t(scores.size()) == classes_, "ensemble: wanted ", classes_, " scores, found ",
           scores.size());
  const size_t v = size_t(video);
  SF_CHECK(labels_[v] == -1 || labels_[v] == label, "ensemble: video ", video, " has label ",
           labels_[v], ", a clip of it ", label);
  auto& waiting = waiting_[v];
  if (counts_[v] == 0) waiting.resize(size_t(clips_));
  SF_CHECK(clip >= joined_[v] && waiting[size_t(clip)].empty(), "ensemble: clip ", clip,
           " of video ", video, " came twice");
  labels_[v] = label;
  waiting[size_t(clip)].assign(scores.begin(), scores.end());
  ++counts_[v];
  if (clip == joined_[v]) join(video);
}

// Joins the clips that have come up to the first that has not.
void ViewEnsemble::join(int64_t video) {
  const size_t v = size_t(video);
  float* sums = &scores_[v * size_t(classes_)];
  for (; joined_[v] < clips_ && !waiting_[v][size_t(joined_[v])].empty(); ++joined_[v]) {
    std::vector<float>& scores = waiting_[v][size_t(joined_[v])];
    for (size_t c = 0; c < scores.size(); ++c) {
      sums[c] = method_ == Ensemble::sum ? sums[c] + scores[c] : std::max(sums[c], scores[c]);
    }
    scores = {};
  }
  if (joined_[v] == clips_) waiting_[v] = {};
}

std::span<const float> ViewEnsemble::scores(int64_t video) const {
  SF_CHECK(video >= 0 && video < videos_, "ensemble: wanted a video in [0, ", videos_, "), found ",
           video);
  return {&scores_[size_t(video * classes_)], size_t(classes_)};
}

ViewEnsemble::Videos ViewEnsemble::part(int64_t first, int64_t count) {
  SF_CHECK(first >= 0 && count >= 0 && first + count <= videos_, "ensemble: wanted some of ",
           videos_, " videos, found ", count, " from ", first);
  const auto begin = size_t(first), size = size_t(count), c = size_t(classes_);
  return {std::span(scores_).subspan(begin * c, size * c), std::span(labels_).subspan(begin, size),
          std::span(counts_).subspan(begin, size)};
}

Tensor ViewEnsemble::all_scores() const { return Tensor::from(scores_, Shape{videos_, classes_}); }

Accuracy accuracy(std::span<const float> scores, std::span<const int64_t> labels, int64_t classes) {
  SF_CHECK(int64_t(scores.size()) == int64_t(labels.size()) * classes, "accuracy: wanted ", classes,
           " scores for each of ", labels.size(), " labels, found ", scores.size());
  Accuracy result;
  result.classes.resize(size_t(classes));
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto row = scores.subspan(i * size_t(classes), size_t(classes));
    const bool top1 = in_top_k(row, labels[i], 1);
    const bool top5 = in_top_k(row, labels[i], 5);
    for (ClassAccuracy* a : {&result.all, &result.classes[size_t(labels[i])]}) {
      ++a->videos;
      a->top1 += top1;
      a->top5 += top5;
    }
  }
  return result;
}

Accuracy accuracy(const ViewEnsemble& ensemble) {
  std::vector<float> scores;
  std::vector<int64_t> labels;
  for (int64_t v = 0; v < ensemble.videos(); ++v) {
    if (ensemble.label(v) < 0) continue;
    const auto row = ensemble.scores(v);
    scores.insert(scores.end(), row.begin(), row.end());
    labels.push_back(ensemble.label(v));
  }
  return accuracy(scores, labels, ensemble.classes());
}

}  // namespace sf
