// The clips of a test: every view and crop of every video of a data set, in order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/frame_order.h"
#include "data/spatial.h"
#include "data/temporal_sampling.h"
#include "tensor/tensor.h"

namespace sf {

struct TestLoaderOptions {
  ClipSampling sampling = {};
  FrameOrder frame_order = FrameOrder::natural;
  uint64_t seed = 0;        // of the order of shuffled frames
  int64_t first_video = 0;  // of the data set that is tested,
  int64_t videos = -1;      // and how many from there on; -1: all
  int views = 10;           // clips along time
  int crops = 3;            // of each view: 1 (the middle) to 3 (uniform_crop)
  int short_side = 256;     // the picture is resized to it
  int crop_size = 256;
  Normalization normalization = {};
  int64_t alpha = 0;   // of a slow pathway beside the fast one; 0: a single pathway
  Device device = {};  // where pictures are made and clips lie
  int workers = 4;     // threads, bounded by those of the machine; 0: the caller's thread does the
                       // work in next()
  double decode_timeout_seconds = 60;  // of one pass over a video
  int64_t memory_bytes = int64_t(4)
                         << 30;  // bound of decoded frames and clips that wait to be taken
};

// One clip, or the reason why a video has none.
struct TestItem {
  int64_t video = 0;  // index into the data set
  int64_t label = 0;
  int view = 0;
  int crop = 0;
  std::vector<Tensor> pathways = {};  // f32 T H W C each, on the options' device: {slow,
                                      // fast} or {all}
  std::string fault = {};  // not empty: the video cannot be read; then there are no pathways
};

// Yields for each of the videos in turn views * crops clips, clip view * crops + crop after the
// other, or one item with a fault. The items and their values do not depend on the workers. Each
// video is decoded once for all its clips (a second time only if its header lies about the number
// of frames). The data set must outlive the loader.
class TestLoader {
 public:
  // Throws if the options make no sense.
  TestLoader(const Dataset& dataset, const TestLoaderOptions& options);
  // Ends running work, within the time of decoding one packet.
  ~TestLoader();

  // The next item, in one thread at a time; empty after the last. Waits for the workers.
  std::optional<TestItem> next();

  // The most bytes of frames and waiting clips that were held at once so far.
  int64_t peak_bytes() const;

 private:
  class Pipeline;
  std::unique_ptr<Pipeline> pipeline_;
};

class Config;

// The options that the configuration states for testing.
TestLoaderOptions test_loader_options(const Config& config);

}  // namespace sf
