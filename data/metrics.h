// Scores of videos and how often they are right.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace sf {

// True if fewer than min(k, scores.size()) scores rank before that of `label`. Of equal scores the
// one of the lower class ranks first; NaN ranks last. Throws if the label is no class or k < 1.
bool in_top_k(std::span<const float> scores, int64_t label, int k);

enum class Ensemble { sum, max };
Ensemble parse_ensemble(std::string_view text);  // "sum" or "max"

// Joins the scores of the clips of each video, in float32. Clips may arrive in any order, each
// once: those of a video are joined in the order of their numbers, so the result does not depend on
// batches or workers.
class ViewEnsemble {
 public:
  // Scores of videos that no clip arrives for are 0, or -1e10 with `multi_label`, from where the
  // joining starts.
  ViewEnsemble(int64_t videos, int clips_per_video, int64_t classes, Ensemble method,
               bool multi_label = false);

  // The scores of one clip, number view * crops + crop of its video. Throws for a second clip of
  // the same number.
  void add(int64_t video, int clip, int64_t label, std::span<const float> scores);

  int64_t videos() const { return videos_; }
  int64_t classes() const { return classes_; }
  int64_t clip_count(int64_t video) const { return counts_.at(size_t(video)); }
  // The joined scores of a video.
  std::span<const float> scores(int64_t video) const;
  // -1 until a clip of the video arrives.
  int64_t label(int64_t video) const { return labels_.at(size_t(video)); }
  // f32 videos x classes.
  Tensor all_scores() const;

  // What is known of consecutive videos, to be exchanged with ensembles of other videos. No further
  // clips of a video may be added behind that.
  struct Videos {
    std::span<float> scores;  // videos x classes, joined
    std::span<int64_t> labels;
    std::span<int64_t> counts;  // of clips
  };
  Videos part(int64_t first, int64_t count);

 private:
  void join(int64_t video);

  int64_t videos_;
  int clips_;
  int64_t classes_;
  Ensemble method_;
  std::vector<float> scores_;  // videos x classes
  std::vector<int64_t> labels_;
  std::vector<int64_t> counts_;
  std::vector<int> joined_;  // clips of each video in scores_
  std::vector<std::vector<std::vector<float>>>
      waiting_;  // clips that came before an earlier number
};

struct ClassAccuracy {
  int64_t videos = 0;
  int64_t top1 = 0;
  int64_t top5 = 0;
};

struct Accuracy {
  ClassAccuracy all;
  std::vector<ClassAccuracy> classes;

  // In percent; 0 if there are no videos.
  static double percent(int64_t right, int64_t videos) {
    return videos == 0 ? 0 : 100.0 * double(right) / double(videos);
  }
};

// Over the videos with a label; those that no clip arrived for are left out.
Accuracy accuracy(const ViewEnsemble& ensemble);

// Of `right` scores (count x classes) against labels.
Accuracy accuracy(std::span<const float> scores, std::span<const int64_t> labels, int64_t classes);

}  // namespace sf
