#include "data/video_index.h"

#include <algorithm>
#include <limits>

#include "kernels/base/error.h"

namespace sf {
namespace {

// Files of more packets are decoded from their beginning.
constexpr int64_t kMostPackets = int64_t(1) << 22;

// Containers that state the presentation time of every packet and seek to key frames.
bool seeks_to_key_frames(std::string_view container) {
  return container.starts_with("mov,") || container.starts_with("matroska,") ||
         container == "avi" || container == "nut";
}

// Containers whose header alone describes their streams.
bool header_describes_streams(std::string_view container) {
  return container.starts_with("mov,") || container.starts_with("matroska,");
}

// Codecs of which each packet holds one frame, whose key frames need nothing that was decoded
// before them.
bool starts_at_key_frames(AVCodecID codec) {
  switch (codec) {
    case AV_CODEC_ID_H264:
    case AV_CODEC_ID_HEVC:
    case AV_CODEC_ID_VP9:
    case AV_CODEC_ID_AV1:
    case AV_CODEC_ID_MPEG4:
    case AV_CODEC_ID_MJPEG: return true;
    default: return false;
  }
}

// True if f(the first byte of one of the units of a packet of H.264) is. Units follow their length
// where the stream's extra data say so, and start codes elsewhere.
template <class F>
bool any_h264_unit(const AVCodecParameters& p, const AVPacket& packet, const F& f) {
  const uint8_t* at = packet.data;
  const uint8_t* const end = at + packet.size;
  if (p.extradata_size > 4 && p.extradata[0] == 1) {
    const int length_bytes = (p.extradata[4] & 3) + 1;
    while (end - at > length_bytes) {
      size_t length = 0;
      for (int i = 0; i < length_bytes; ++i) length = length << 8 | *at++;
      if (length == 0 || length > size_t(end - at)) return false;
      if (f(*at)) return true;
      at += length;
    }
    return false;
  }
  for (; end - at > 3; ++at)
    if (at[0] == 0 && at[1] == 0 && at[2] == 1 && f(at[3])) return true;
  return false;
}

// Containers also mark pictures of H.264 from which a decoder merely recovers: only after an
// instantaneous refresh (unit type 5) nothing refers to earlier pictures.
bool is_key_frame(const AVCodecParameters& p, const AVPacket& packet) {
  if ((packet.flags & AV_PKT_FLAG_KEY) == 0) return false;
  if (p.codec_id != AV_CODEC_ID_H264) return true;
  return any_h264_unit(p, packet, [](uint8_t first) { return (first & 31) == 5; });
}

// Tells whether packets of H.264 hold whole pictures, not single fields of them.
class PictureStructure {
 public:
  explicit PictureStructure(const AVCodecParameters& p)
      : parser_(ffmpeg().av_parser_init(p.codec_id)),
        context_(ffmpeg().avcodec_alloc_context3(nullptr)) {
    SF_CHECK(parser_ && context_ && ffmpeg().avcodec_parameters_to_context(context_.get(), &p) >= 0,
             "video index: no parser of ", ffmpeg().avcodec_get_name(p.codec_id));
    parser_->flags |= PARSER_FLAG_COMPLETE_FRAMES;
  }

  bool whole(const AVPacket& packet) {
    uint8_t* data = nullptr;
    int size = 0;
    ffmpeg().av_parser_parse2(parser_.get(), context_.get(), &data, &size, packet.data, packet.size,
                              packet.pts, packet.dts, packet.pos);
    return parser_->picture_structure == AV_PICTURE_STRUCTURE_FRAME;
  }

 private:
  std::unique_ptr<AVCodecParserContext, FfmpegDeleter> parser_;
  CodecHandle context_;
};

// How many packets that are decoded before some packet are shown after it, at most.
int64_t reordering(std::span<const int64_t> times) {
  std::vector<int64_t> later;  // times seen so far that exceed all that are still to come
  std::vector<int64_t> least(times.size());
  int64_t below = std::numeric_limits<int64_t>::max();
  for (size_t i = times.size(); i-- > 0;) least[i] = below = std::min(below, times[i]);
  int64_t most = 0;
  for (size_t i = 0; i < times.size(); ++i) {
    std::erase_if(later, [&](int64_t t) { return t < least[i]; });
    most = std::max(
        most, std::count_if(later.begin(), later.end(), [&](int64_t t) { return t > times[i]; }));
    later.push_back(times[i]);
    if (later.size() > 64) return std::numeric_limits<int64_t>::max();
  }
  return most;
}

}  // namespace

FrameTimes::FrameTimes(std::span<const int64_t> times) : size_(int64_t(times.size())) {
  if (times.empty()) return;
  first_ = times[0];
  step_ = times.size() > 1 ? times[1] - times[0] : 1;
  for (size_t i = 0; i < times.size() && step_ > 0; ++i)
    if (times[i] - first_ != int64_t(i) * step_) step_ = 0;
  if (step_ > 0) return;
  for (int64_t t : times) offsets_.push_back(uint32_t(t - first_));
}

std::optional<int64_t> FrameTimes::frame_at(int64_t time) const {
  if (size_ == 0 || time < first_) return {};
  const auto offset = uint64_t(time) - uint64_t(first_);
  if (step_ > 0) {
    const uint64_t frame = offset / uint64_t(step_);
    if (frame >= uint64_t(size_) || frame * uint64_t(step_) != offset) return {};
    return int64_t(frame);
  }
  const auto at = std::lower_bound(offsets_.begin(), offsets_.end(), offset);
  if (at == offsets_.end() || *at != offset) return {};
  return at - offsets_.begin();
}

VideoIndex::VideoIndex(Demuxer& demuxer, const VideoInfo& info, AVPacket* packet)
    : version_(demuxer.version()), info_(info), parameters_(ffmpeg().avcodec_parameters_alloc()) {
  const AVCodecParameters& stream = *demuxer.stream()->codecpar;
  SF_CHECK(parameters_ && ffmpeg().avcodec_parameters_copy(parameters_.get(), &stream) >= 0,
           "video index: out of memory");
  const std::string container = demuxer.container();
  if (header_describes_streams(container)) ready_stream_ = demuxer.stream()->index;

  bool seekable = seeks_to_key_frames(container) && starts_at_key_frames(stream.codec_id);
  std::optional<PictureStructure> structure;
  if (seekable && stream.codec_id == AV_CODEC_ID_H264) structure.emplace(stream);
  std::vector<int64_t> times;  // of the frames that are shown, in the order of decoding
  std::vector<DecodingStart> keys;
  int64_t first_time = 0;
  for (int64_t packets = 0; demuxer.next(packet); ++packets) {
    const bool shown = (packet->flags & AV_PKT_FLAG_DISCARD) == 0;
    frames_ += shown;
    seekable = seekable && packets < kMostPackets && packet->pts != AV_NOPTS_VALUE &&
               (packet->flags & AV_PKT_FLAG_CORRUPT) == 0 &&
               (!structure || structure->whole(*packet));
    if (!seekable) continue;
    const bool key = is_key_frame(stream, *packet);
    if (packets == 0) {
      first_time = packet->pts;
      seekable = key;
    }
    if (!shown) continue;
    seekable = seekable && packet->pts >= first_time;
    times.push_back(packet->pts);
    if (key)
      keys.push_back({.frame = 0,
                      .presentation_time = packet->pts,
                      .decoding_time = packet->dts == AV_NOPTS_VALUE ? packet->pts : packet->dts});
  }
  ffmpeg().av_packet_unref(packet);
  // A decoder that holds back fewer frames would show them in another order.
  seekable = seekable && !times.empty() && reordering(times) <= stream.video_delay;
  if (!seekable) return;
  std::sort(times.begin(), times.end());
  if (std::adjacent_find(times.begin(), times.end()) != times.end() ||
      uint64_t(times.back()) - uint64_t(times.front()) > std::numeric_limits<uint32_t>::max())
    return;
  times_ = FrameTimes(times);
  for (DecodingStart& key : keys) key.frame = *times_.frame_at(key.presentation_time);
  std::sort(keys.begin(), keys.end(),
            [](const DecodingStart& a, const DecodingStart& b) { return a.frame < b.frame; });
  keys_ = std::move(keys);
}

const DecodingStart* VideoIndex::key_frame_before(int64_t frame) const {
  const auto after =
      std::upper_bound(keys_.begin(), keys_.end(), frame,
                       [](int64_t f, const DecodingStart& key) { return f < key.frame; });
  return after == keys_.begin() ? nullptr : &*std::prev(after);
}

const DecodingStart* VideoIndex::key_frame_at(int64_t presentation_time) const {
  const auto frame = times_.frame_at(presentation_time);
  const DecodingStart* key = frame ? key_frame_before(*frame) : nullptr;
  return key != nullptr && key->frame == *frame ? key : nullptr;
}

size_t VideoIndex::bytes() const {
  return sizeof *this + sizeof(AVCodecParameters) + size_t(parameters_->extradata_size) +
         keys_.capacity() * sizeof(DecodingStart) + times_.bytes() + info_.codec.size();
}

}  // namespace sf
