// The batches of training and validation: a random clip of every video of a data set, or the clip
// around every key frame, for tests also.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/batch_boxes.h"
#include "data/dataset.h"
#include "data/epoch_order.h"
#include "data/frame_order.h"
#include "data/key_frame.h"
#include "data/rand_augment.h"
#include "data/random_erasing.h"
#include "data/random_spatial.h"
#include "data/temporal_sampling.h"
#include "tensor/tensor.h"

namespace sf {

struct TrainLoaderOptions {
  uint64_t seed = 1;
  std::vector<BatchShape> batches = {{}};  // of all ranks, taken in turn within an epoch
  BatchPart part = {};                     // this rank's
  bool shuffle = true;                     // a new order in each epoch, else that of the data set
  bool drop_last = true;  // leave out an incomplete last batch, unless it is the only one

  ClipSampling sampling = {};
  int64_t max_sampling_rate = 0;  // above zero: the rate is drawn from sampling.sampling_rate to it
  double fps_jitter = 0;          // largest random increase of sampling.target_fps
  FrameOrder frame_order = FrameOrder::natural;
  int windows = 1;  // clips of a video in a batch
  int copies = 1;   // of each of these, with spatial choices of their own

  SpatialJitter jitter = {};
  int full_crop = 0;  // above zero: the least short side shrinks with the crop, from this one
  std::optional<RandAugmentOptions> rand_augment = {};  // changes the pictures, before all else
  Normalization normalization = {};
  std::optional<RandomErasingOptions> random_erasing = {};  // changes the finished clip
  int64_t alpha = 0;  // of a slow pathway beside the fast one; 0: a single pathway
  // Where pictures are made and clips lie; on a device neither rand_augment nor random_erasing
  // nor key_frames.
  Device device = {};
  // For data sets of key frames, and then without windows, copies, jitter of the sampling,
  // rand_augment and random_erasing.
  std::optional<KeyFrameOptions> key_frames = {};
  // Whether another video takes the place of one that cannot be read. If not, its clip is black and
  // has no boxes; a batch with no other clip is left out.
  bool replace = true;

  int workers = 4;  // threads, bounded by those of the machine; 0: the caller's thread does the
                    // work in next()
  double decode_timeout_seconds = 60;  // of one clip
  // Bound of the batches in preparation; there is always room for one. There are no more than all
  // workers are busy with and one that waits to be taken. The memory of one that was released is
  // kept besides until the end of the epoch.
  int64_t memory_bytes = int64_t(1) << 30;
};

struct TrainBatch {
  std::vector<Tensor> pathways = {};  // f32 N T H W C each, on the options' device:
                                      // {slow, fast} or {all}
  std::vector<int64_t> labels = {};
  std::vector<int64_t> videos = {};      // indices into the data set
  std::optional<BatchBoxes> boxes = {};  // of key frames
};

// Yields the batches of an epoch, or this rank's part of each: all parts, one behind the other, are
// the batches of one rank. A batch holds windows * copies clips of each of its videos, one video
// after the other, one window after the other. Its values follow from the options, the epoch and
// the number of the batch alone, whatever the workers.
//
// A video that cannot be read is replaced by a random other one, up to 100 times for a place in a
// batch; then next() throws, with the last reason. In data sets of key frames, "video" here means
// one of them with its clip.
//
// The data set must outlive the loader. Calls come from one thread at a time.
class TrainLoader {
 public:
  // Throws if the options make no sense.
  TrainLoader(const Dataset& dataset, const TrainLoaderOptions& options);
  // Ends running work, within the time of decoding one packet.
  ~TrainLoader();

  // How many batches an epoch has.
  int64_t batches() const;
  // Lets next() continue with that batch of that epoch. Drops what was prepared.
  void start(int64_t epoch, int64_t first_batch = 0);
  // The next batch; empty at the end of the epoch. Waits for the workers. Throws before start(). A
  // part without videos is a batch without pathways.
  std::optional<TrainBatch> next();

  // Why videos of the batches that next() has returned were replaced: a line for each such video,
  // once, also when it is met again.
  std::vector<std::string> take_faults();
  // How many places in the batches that next() has returned hold another video than planned.
  int64_t replaced() const;
  // The most bytes of batches in preparation that were held at once so far.
  int64_t peak_bytes() const;

 private:
  class Pipeline;
  std::unique_ptr<Pipeline> pipeline_;
};

class Config;

// The options that the configuration states for training or validation: batches of TRAIN.BATCH_SIZE
// videos for each of NUM_SHARDS machines, and that part of them.
TrainLoaderOptions train_loader_options(const Config& config, Split split,
                                        const BatchPart& part = {});

// Those for key frames, of any split: random crops in training, the middle in validation, whole
// pictures one by one in tests.
TrainLoaderOptions key_frame_loader_options(const Config& config, Split split,
                                            const BatchPart& part = {});

// The one of both that the network of the configuration wants (DETECTION.ENABLE).
TrainLoaderOptions clip_loader_options(const Config& config, Split split,
                                       const BatchPart& part = {});

}  // namespace sf
