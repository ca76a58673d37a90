#include "data/ffmpeg.h"

#include <cstddef>

#include "kernels/base/error.h"

namespace sf {

// What FFmpeg keeps for the whole process. Failures are reported by exceptions; its log would only
// add noise. A file of some hundred bytes may promise a hundred million frames, for which demuxers
// make room; no block may be larger than a picture of VideoReaderOptions::max_pixels with four
// bytes a pixel.
Ffmpeg::Ffmpeg() {
  av_log_set_level(AV_LOG_QUIET);
  av_max_alloc(size_t{1} << 28);
}

const Ffmpeg& ffmpeg() {
  static const Ffmpeg loaded;
  return loaded;
}

}  // namespace sf
