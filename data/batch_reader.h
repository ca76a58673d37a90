// Fills the batches of a TrainLoader with clips.
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "data/batch_memory.h"
#include "data/clip_place.h"
#include "data/index_cache.h"
#include "data/train_loader.h"
#include "kernels/base/counter_rng.h"

namespace sf {

class KeptDecoders;

// A batch whose clips are being read, each by one thread.
struct BatchContents {
  BatchRange range = {};
  TrainBatch result = {};
  std::vector<ClipBoxes> boxes = {};  // of each clip around a key frame
  std::stop_source dropped = {};      // ends the reading
};

// Any thread, but for begin() and finish() of the same batch.
class BatchReader {
 public:
  // Throws if the options make no sense. The data set must outlive the reader.
  BatchReader(const Dataset& dataset, const TrainLoaderOptions& options);

  // The memory of a batch; of one of whole pictures a guess, which takes them to be 16:9.
  int64_t expected_bytes(const BatchRange& range) const;
  // Its memory now.
  static int64_t bytes(const BatchContents& batch);

  // A batch with room for its clips.
  BatchContents begin(const BatchRange& range);
  // Reads the clips of a video into place number `place`. Returns the reason if it cannot be read.
  std::string read(BatchContents& batch, int64_t place, int64_t video, const CounterRng& rng);
  // Makes the clips of a place black, without boxes.
  void blacken(const BatchContents& batch, int64_t place) const;
  // After the last place.
  TrainBatch finish(BatchContents& batch) const;

  // Frees the memory of released batches.
  void clear() { memory_.clear(); }

 private:
  int64_t clips_of_a_video() const { return int64_t(options_.windows) * options_.copies; }
  size_t spare_bytes() const;
  std::vector<Tensor> make_pathways(int64_t clips, PictureSize picture);
  ClipPlace place_of(const BatchContents& batch, int64_t clip) const;
  void read_windows(const BatchContents& batch, int64_t first_clip, int64_t video,
                    const CounterRng& rng);
  void read_around(BatchContents& batch, int64_t clip, const KeyFrame& key_frame,
                   const CounterRng& rng);

  const Dataset& dataset_;
  const TrainLoaderOptions options_;
  const int64_t slow_frames_;
  std::map<int, TrainLoaderOptions> crop_options_;  // with the jitter for that crop
  IndexCache indices_;
  BatchMemory memory_;
  std::shared_ptr<KeptDecoders> decoders_;  // null on the host
};

}  // namespace sf
