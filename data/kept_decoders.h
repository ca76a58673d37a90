// Opened decoders, kept from one video to the next of its kind: a GPU takes longer to open one than
// to decode a short clip.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "data/ffmpeg_handles.h"
#include "tensor/device_queue.h"

namespace sf {

// Any thread.
class KeptDecoders {
 public:
  struct Decoder {
    std::string kind;   // as decoder_kind() has it
    DeviceQueue queue;  // that the codec was opened on, and outlives it
    CodecHandle codec;
    // How often it went on with another key frame while it had frames to give. Times of packets
    // count from a start of their own each time, by which their frames are told apart.
    int64_t starts = 0;
    bool needs_flush = false;  // to go on: it was told of the end, or its frames have no times
  };

  // Keeps `most` and lets go those that have waited longest.
  explicit KeptDecoders(size_t most) : most_(most) {}

  // One of that kind, which may have frames to give.
  std::optional<Decoder> take(const std::string& kind);
  // Keeps a decoder that has met no error and of whose frames none is held.
  void keep(Decoder decoder);
  size_t size() const;

 private:
  const size_t most_;
  mutable std::mutex mutex_;
  std::deque<Decoder> decoders_;  // the longest unused first
};

// For a loader of that many threads; null on the host, where decoders open fast.
std::shared_ptr<KeptDecoders> decoders_for(Device device, int threads);

// All that a decoder is told of a stream before its first packet.
std::string decoder_kind(const AVCodecParameters& parameters);

}  // namespace sf
