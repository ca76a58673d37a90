// The clips around key frames.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "data/boxes.h"
#include "data/clip_place.h"
#include "data/key_frame.h"
#include "data/train_loader.h"
#include "data/video_reader.h"
#include "kernels/base/counter_rng.h"

namespace sf {

// What a clip around a key frame takes of a picture of that size. `crop` does not count for whole
// pictures. Throws if the crop does not fit.
SpatialChoice key_frame_choice(const TrainLoaderOptions& options, int crop, PictureSize picture,
                               const CounterRng& rng);

// Where a clip of pictures of that size goes.
using PlaceOfClip = std::function<ClipPlace(PictureSize)>;

// Reads the clip and returns its boxes, those of the key frame in their order, in pixels of the
// clip. Frames of a video file are those that are shown at the times of a list of frames().fps().
// Throws sf::Error if a frame cannot be read or the pictures differ in size. `index` is of the
// video file, from an earlier call, or null; it is set.
std::vector<BoxCorners> read_key_frame(const KeyFrame& key_frame,
                                       std::shared_ptr<const VideoIndex>& index,
                                       const TrainLoaderOptions& options, int crop,
                                       const CounterRng& rng, std::stop_token cancel,
                                       const PlaceOfClip& place);

}  // namespace sf
