// Which frames of a video a clip takes.
#pragma once

#include <cstdint>
#include <vector>

namespace sf {

struct ClipSampling {
  int64_t num_frames = 8;     // T, of a clip
  int64_t sampling_rate = 8;  // frames of a video of target_fps between frames of the clip
  double target_fps = 30;
  bool offset_sampling = false;  // spread the views up to the last frame of the video
};

// First and last position of a clip in frames of the video, possibly fractional, possibly beyond
// its end.
struct Window {
  double start = 0;
  double end = 0;
};

// How many frames of a video of that rate a clip covers: max(1, sampling_rate num_frames /
// target_fps fps).
double clip_length(const ClipSampling& sampling, double fps);

// The window of view `view` of `views` of a video of `frames` frames. With delta = max(frames -
// clip, 0) it starts at delta view / views; with offset sampling at view floor(delta / (views -
// 1)), or floor(delta / 2) for a single view.
Window view_window(double frames, double clip, int view, int views, bool offset_sampling);

// The window of a training clip: it starts at `draw`, from [0, 1), of delta.
Window random_window(double frames, double clip, double draw);

// n values from first to last in float32 steps, taken from the nearer end, as PyTorch computes
// them.
std::vector<float> linspace_f32(double first, double last, int64_t n);

// `n` indices spread evenly over the window, cut to whole ones, within [0, frames - 1]: beyond the
// end of the video the last frame repeats. Ascending. Throws if there are no frames.
std::vector<int64_t> window_indices(Window window, int64_t n, int64_t frames);

// The frames of one view, counted over all `frames` decoded frames of the video.
std::vector<int64_t> view_indices(const ClipSampling& sampling, int64_t frames, double fps,
                                  int view, int views);

// The `n` frames of a clip around frame `centre` of a video of `frames` frames: from floor(n rate /
// 2) before it on, `rate` apart, moved into [0, frames - 1]. Ascending. Throws if there are no
// frames.
std::vector<int64_t> centred_indices(int64_t centre, int64_t n, int64_t rate, int64_t frames);

// Which of `n` frames of a clip a pathway that is `alpha` times slower takes: n / alpha of them,
// evenly spread from the first to the last.
std::vector<int64_t> slow_indices(int64_t n, int64_t alpha);

}  // namespace sf
