// Random clips of one video for training and validation.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "data/train_loader.h"
#include "data/video_reader.h"
#include "kernels/base/counter_rng.h"

namespace sf {

// Where a clip goes: frames x crop x crop x 3 floats; slow is null without a slow pathway.
struct ClipPlace {
  float* fast = nullptr;
  float* slow = nullptr;
};

// Reads windows * copies random clips of the video into `places`. The clips follow from the file,
// the options, the crop and `rng` alone. Throws sf::Error if the video cannot be read. Returns the
// index of the file; `index` is what an earlier call has returned for it, or null.
std::shared_ptr<const VideoIndex> read_random_clips(const std::string& path,
                                                    std::shared_ptr<const VideoIndex> index,
                                                    const TrainLoaderOptions& options, int crop,
                                                    const CounterRng& rng, std::stop_token cancel,
                                                    std::span<const ClipPlace> places);

}  // namespace sf
