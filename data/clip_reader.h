// Random clips of one video for training and validation.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "data/batch_memory.h"
#include "data/clip_place.h"
#include "data/train_loader.h"
#include "data/video_reader.h"
#include "kernels/base/counter_rng.h"

namespace sf {

// What a clip takes of its video.
struct ClipChoice {
  std::vector<int64_t> frames;         // their numbers, in the order in which the clip shows them
  std::vector<SpatialChoice> spatial;  // one for all frames or one for each
  CounterRng augmentation{0};          // decides on all other changes
};

// The choices for windows * copies clips of a video of `frames` frames, the copies of a window one
// after the other with the same frames. Throws if the crop does not fit.
std::vector<ClipChoice> random_clips(const TrainLoaderOptions& options, int crop,
                                     PictureSize picture, int64_t frames, double fps,
                                     const CounterRng& rng);

// Reads the random_clips() of the video into `places`. Throws sf::Error if the video cannot be
// read. Pictures on the way lie where `reading` has them, on the same device. Returns the index of
// the file.
std::shared_ptr<const VideoIndex> read_random_clips(const std::string& path,
                                                    VideoReaderOptions reading,
                                                    const TrainLoaderOptions& options, int crop,
                                                    const CounterRng& rng,
                                                    std::span<const ClipPlace> places);

}  // namespace sf
