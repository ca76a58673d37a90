#include "data/batch_reader.h"

#include <algorithm>
#include <cmath>

#include "data/clip_reader.h"
#include "data/kept_decoders.h"
#include "data/key_frame_reader.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr size_t kIndexBytes = size_t(1) << 28;  // for about a quarter of a million videos
constexpr size_t kPictureBytes = size_t(1) << 26;

TrainLoaderOptions checked(const TrainLoaderOptions& o) {
  SF_CHECK(o.windows > 0 && o.copies > 0,
           "train loader: wanted at least one clip of a video, found ", o.windows, " windows with ",
           o.copies, " copies");
  SF_CHECK(o.max_sampling_rate <= 0 || o.max_sampling_rate >= o.sampling.sampling_rate,
           "train loader: wanted a largest sampling rate of at least ", o.sampling.sampling_rate,
           ", found ", o.max_sampling_rate);
  SF_CHECK(o.fps_jitter >= 0, "train loader: wanted no negative jitter of the frame rate, found ",
           o.fps_jitter);
  SF_CHECK(
      o.device.backend == Backend::cpu || (!o.rand_augment && !o.random_erasing && !o.key_frames),
      "train loader: wanted clips made on the CPU (SF.DECODER cpu) with RandAugment, random "
      "erasing or key frames, found ",
      o.device.name());
  clip_length(o.sampling, 30);  // the rest are checked by their users
  if (o.rand_augment) rand_augment(*o.rand_augment, CounterRng(0), 0);
  if (o.random_erasing) erased_boxes(*o.random_erasing, {2, 2}, CounterRng(0));
  if (o.alpha > 0) slow_indices(o.sampling.num_frames, o.alpha);
  for (const BatchShape& shape : o.batches)
    SF_CHECK(shape.crop > 0 || (o.key_frames && shape.videos == o.part.ranks),
             "train loader: wanted ",
             o.key_frames ? "one clip of whole pictures in a batch" : "a crop", ", found ",
             shape.videos, " clips of crop ", shape.crop);
  if (!o.key_frames) return o;
  SF_CHECK(o.windows == 1 && o.copies == 1, "train loader: wanted one clip of a key frame, found ",
           o.windows, " windows with ", o.copies, " copies");
  SF_CHECK(o.key_frames->num_classes > 0, "train loader: wanted classes of boxes, found ",
           o.key_frames->num_classes);
  return o;
}

// The range of the short side for crops of that size.
SpatialJitter jitter_for(const TrainLoaderOptions& o, int crop) {
  SpatialJitter jitter = o.jitter;
  if (o.full_crop > 0)
    jitter.min_short_side = int(std::nearbyint(double(jitter.min_short_side) * crop / o.full_crop));
  SF_CHECK(jitter.relative || jitter.min_short_side >= crop,
           "train loader: wanted a crop within the short side ", jitter.min_short_side, ", found ",
           crop);
  return jitter;
}

}  // namespace

BatchReader::BatchReader(const Dataset& dataset, const TrainLoaderOptions& options)
    : dataset_(dataset),
      options_(checked(options)),
      slow_frames_(options.alpha > 0
                       ? int64_t(slow_indices(options.sampling.num_frames, options.alpha).size())
                       : 0),
      indices_(kIndexBytes),
      memory_(spare_bytes(), options.device),
      decoders_(decoders_for(options.device, options.workers)) {
  const bool has_key_frames = dataset.size() > 0 && dataset.key_frame(0) != nullptr;
  SF_CHECK(dataset.size() == 0 || has_key_frames == options_.key_frames.has_value(),
           "train loader: wanted options ", has_key_frames ? "for" : "without",
           " key frames for this data set, found others");
  for (const BatchShape& shape : options_.batches) {
    TrainLoaderOptions& o = crop_options_[shape.crop] = options_;
    o.jitter = jitter_for(options_, shape.crop);
    jittered_short_side(o.jitter, 0);  // checks the range
  }
}

int64_t BatchReader::expected_bytes(const BatchRange& range) const {
  const int64_t height = range.crop > 0 ? range.crop : options_.jitter.max_short_side;
  const int64_t width = range.crop > 0 ? range.crop : height * 16 / 9;
  return range.videos * clips_of_a_video() * (options_.sampling.num_frames + slow_frames_) *
         height * width * 3 * int64_t(sizeof(float));
}

int64_t BatchReader::bytes(const BatchContents& batch) {
  int64_t bytes = 0;
  for (const Tensor& t : batch.result.pathways) bytes += t.type().bytes();
  return bytes;
}

// A batch, and on a device the pictures that workers have in the making.
size_t BatchReader::spare_bytes() const {
  int64_t most = 0;
  for (const BatchShape& shape : options_.batches) {
    const int64_t videos = std::min(shape.videos / options_.part.ranks, dataset_.size());
    most = std::max(most, expected_bytes({.videos = videos, .crop = shape.crop}));
  }
  return size_t(most) + (options_.device.backend == Backend::cpu ? 0 : kPictureBytes);
}

std::vector<Tensor> BatchReader::make_pathways(int64_t clips, PictureSize picture) {
  std::vector<Tensor> pathways;
  for (int64_t frames : {slow_frames_, options_.sampling.num_frames}) {
    if (frames > 0)
      pathways.push_back(
          memory_.tensor({Shape{clips, frames, picture.height, picture.width, 3}, DType::f32}));
  }
  return pathways;
}

BatchContents BatchReader::begin(const BatchRange& range) {
  BatchContents batch{.range = range};
  const int64_t clips = range.videos * clips_of_a_video();
  if (range.crop > 0) batch.result.pathways = make_pathways(clips, {range.crop, range.crop});
  if (options_.key_frames) batch.boxes.resize(size_t(clips));
  batch.result.labels.resize(size_t(clips));
  batch.result.videos.resize(size_t(clips));
  return batch;
}

std::string BatchReader::read(BatchContents& batch, int64_t place, int64_t video,
                              const CounterRng& rng) {
  const VideoItem& item = dataset_.video(video);
  const int64_t first = place * clips_of_a_video();
  for (int64_t clip = first; clip < first + clips_of_a_video(); ++clip) {
    batch.result.labels[size_t(clip)] = item.label;
    batch.result.videos[size_t(clip)] = video;
  }
  if (!item.fault.empty()) return item.fault;
  try {
    if (options_.key_frames) {
      read_around(batch, first, *dataset_.key_frame(video), rng);
    } else {
      read_windows(batch, first, video, rng);
    }
  } catch (const std::exception& e) { return e.what(); }
  return {};
}

ClipPlace BatchReader::place_of(const BatchContents& batch, int64_t clip) const {
  const auto at = [&](const Tensor& t) { return reinterpret_cast<float*>(t.row(clip).data()); };
  const auto& pathways = batch.result.pathways;
  return {.fast = at(pathways.back()), .slow = slow_frames_ > 0 ? at(pathways.front()) : nullptr};
}

void BatchReader::read_windows(const BatchContents& batch, int64_t first_clip, int64_t video,
                               const CounterRng& rng) {
  std::vector<ClipPlace> places;
  for (int64_t clip = first_clip; clip < first_clip + clips_of_a_video(); ++clip)
    places.push_back(place_of(batch, clip));
  const int crop = batch.range.crop;
  const auto known = indices_.find(video);
  const auto index = read_random_clips(dataset_.video(video).path,
                                       {.timeout_seconds = options_.decode_timeout_seconds,
                                        .cancel = batch.dropped.get_token(),
                                        .index = known,
                                        .pictures = memory_,
                                        .decoders = decoders_},
                                       crop_options_.at(crop), crop, rng, places);
  if (index != known) indices_.insert(video, index);
}

void BatchReader::read_around(BatchContents& batch, int64_t clip, const KeyFrame& key_frame,
                              const CounterRng& rng) {
  const auto place = [&](PictureSize picture) {
    if (batch.range.crop == 0) batch.result.pathways = make_pathways(1, picture);
    return place_of(batch, clip);
  };
  const int crop = batch.range.crop;
  const auto known = indices_.find(key_frame.video);
  auto index = known;
  batch.boxes[size_t(clip)] = {
      .key_frame = &key_frame,
      .corners = read_key_frame(key_frame, index, crop_options_.at(crop), crop, rng,
                                batch.dropped.get_token(), place)};
  if (index != known) indices_.insert(key_frame.video, index);
}

void BatchReader::blacken(const BatchContents& batch, int64_t place) const {
  for (const Tensor& t : batch.result.pathways) {
    const int64_t floats = t.numel() / batch.range.videos;
    std::fill_n(t.span<float>().data() + place * floats, floats, 0.f);
  }
}

TrainBatch BatchReader::finish(BatchContents& batch) const {
  if (options_.key_frames)
    batch.result.boxes = join_boxes(batch.boxes, options_.key_frames->num_classes);
  return std::move(batch.result);
}

}  // namespace sf
