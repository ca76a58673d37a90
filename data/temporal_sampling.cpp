#include "data/temporal_sampling.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/error.h"

namespace sf {

double clip_length(const ClipSampling& s, double fps) {
  SF_CHECK(s.num_frames > 0 && s.sampling_rate > 0 && s.target_fps > 0,
           "clip: wanted a positive number of frames, sampling rate and target rate, found ",
           s.num_frames, ", ", s.sampling_rate, ", ", s.target_fps);
  SF_CHECK(std::isfinite(fps) && fps > 0, "clip: wanted a positive frame rate, found ", fps);
  return std::max(1.0, double(s.sampling_rate * s.num_frames) / s.target_fps * fps);
}

Window view_window(double frames, double clip, int view, int views, bool offset_sampling) {
  SF_CHECK(views > 0 && view >= 0 && view < views, "clip: wanted a view in [0, ", views,
           "), found ", view);
  const double delta = std::max(frames - clip, 0.0);
  double start = delta * view / views;
  if (offset_sampling)
    start = views == 1 ? std::floor(delta / 2) : view * std::floor(delta / (views - 1));
  return {start, start + clip - 1};
}

Window random_window(double frames, double clip, double draw) {
  const double start = std::max(frames - clip, 0.0) * draw;
  return {start, start + clip - 1};
}

std::vector<float> linspace_f32(double first, double last, int64_t n) {
  const float a = float(first);
  const float b = float(last);
  std::vector<float> out(size_t(std::max<int64_t>(n, 0)), a);
  if (n < 2) return out;
  const float step = (b - a) / float(n - 1);
  for (int64_t j = 0; j < n; ++j)
    out[size_t(j)] = j < n / 2 ? a + step * float(j) : b - step * float(n - 1 - j);
  return out;
}

std::vector<int64_t> window_indices(Window window, int64_t n, int64_t frames) {
  SF_CHECK(frames > 0, "clip: wanted a video with frames, found none");
  std::vector<int64_t> out;
  for (float x : linspace_f32(window.start, window.end, n)) {
    out.push_back(int64_t(std::clamp(x, 0.0f, float(frames - 1))));
  }
  return out;
}

std::vector<int64_t> view_indices(const ClipSampling& s, int64_t frames, double fps, int view,
                                  int views) {
  const double clip = clip_length(s, fps);
  return window_indices(view_window(double(frames), clip, view, views, s.offset_sampling),
                        s.num_frames, frames);
}

std::vector<int64_t> centred_indices(int64_t centre, int64_t n, int64_t rate, int64_t frames) {
  SF_CHECK(n > 0 && rate > 0 && frames > 0,
           "sampling: wanted positive numbers of frames and a positive rate, found ", n, " of ",
           frames, " frames at rate ", rate);
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < n; ++i)
    indices.push_back(std::clamp<int64_t>(centre - n * rate / 2 + i * rate, 0, frames - 1));
  return indices;
}

std::vector<int64_t> slow_indices(int64_t n, int64_t alpha) {
  SF_CHECK(alpha > 0 && n >= alpha, "slow pathway: wanted at least ALPHA = ", alpha,
           " frames, found ", n);
  std::vector<int64_t> out;
  for (float x : linspace_f32(0, double(n - 1), n / alpha)) out.push_back(int64_t(x));
  return out;
}

}  // namespace sf
