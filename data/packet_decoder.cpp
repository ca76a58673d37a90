#include "data/packet_decoder.h"

#include <algorithm>
#include <utility>

#include "data/cuda_decoder.h"
#include "data/kept_decoders.h"
#include "kernels/base/error.h"
#include "kernels/base/processors.h"

namespace sf {
namespace {

// Has the packet tell the decoder once more what it was told when it was opened, which the packets
// of another stream may have changed.
void repeat_header(AVPacket& packet, const AVCodecContext& codec) {
  if (codec.extradata_size <= 0) return;
  const auto bytes = size_t(codec.extradata_size);
  uint8_t* copy = ffmpeg().av_packet_new_side_data(&packet, AV_PKT_DATA_NEW_EXTRADATA, bytes);
  SF_CHECK(copy != nullptr, "decoder: out of memory");
  std::copy_n(codec.extradata, bytes, copy);
}

// Whether a packet of H.264 begins with a picture behind which nothing refers to earlier ones (IDR,
// H.264 7.4.1.2.4); false if that is not to be seen. Units of the stream follow their lengths where
// the header is an avcC box (ISO 14496-15 5.3.3), else start codes.
bool begins_anew(const AVPacket& packet, const AVCodecContext& codec) {
  constexpr int kSlice = 1, kPartition = 2, kInstantRefresh = 5;
  const auto *at = packet.data, *end = packet.data + packet.size;
  const bool lengths = codec.extradata_size > 4 && codec.extradata[0] == 1;
  const int length_bytes = lengths ? (codec.extradata[4] & 3) + 1 : 0;
  while (end - at > std::max(length_bytes, 3)) {
    int64_t bytes = 0;  // of the unit, where that is said
    if (lengths) {
      for (int i = 0; i < length_bytes; ++i) bytes = bytes << 8 | *at++;
    } else {
      if (at[0] != 0 || at[1] != 0 || at[2] != 1) {
        ++at;
        continue;
      }
      at += 3;
    }
    const int type = *at & 31;
    if (type == kInstantRefresh) return true;
    if (type == kSlice || type == kPartition || bytes > end - at) return false;
    at += bytes;
  }
  return false;
}

// Times of packets whose frames are told apart by it.
constexpr int64_t kStart = int64_t{1} << 46, kMostStarts = 1 << 16;
bool tells_start(int64_t time) { return time > -kStart / 2 && time < kStart / 2; }

}  // namespace

PacketDecoder::PacketDecoder(const std::string& path, const VideoReaderOptions& options,
                             const VideoInfo& info)
    : path_(path), options_(options), info_(info) {}

PacketDecoder::~PacketDecoder() {
  if (options_.decoders && decoder_.codec && !erred_) options_.decoders->keep(std::move(decoder_));
}

void PacketDecoder::open(const AVCodecParameters& parameters, AVRational time_base) {
  const std::string kind = decoder_kind(parameters);
  auto& codec = decoder_.codec;
  const bool again = options_.decoders && (codec ? !erred_ && decoder_.kind == kind : take(kind));
  if (again) {
    codec->opaque = const_cast<VideoInfo*>(&info_);
    codec->has_b_frames = parameters.video_delay;  // which decoders raise as they go
  } else {
    if (!opened_) decoder_.queue = DeviceQueue(options_.pictures.device());
    const AVCodec* of_kind = ffmpeg().avcodec_find_decoder(parameters.codec_id);
    SF_CHECK(of_kind != nullptr, path_, ": no decoder for ",
             ffmpeg().avcodec_get_name(parameters.codec_id));
    erred_ = true;  // until it is open
    codec.reset(ffmpeg().avcodec_alloc_context3(of_kind));
    SF_CHECK(codec != nullptr, path_, ": out of memory");
    int result = ffmpeg().avcodec_parameters_to_context(codec.get(), &parameters);
    codec->thread_count = std::max(1, options_.threads);
    codec->max_pixels = options_.max_pixels;
    if (options_.pictures.device().backend == Backend::cuda && cuda_decoder_fault().empty())
      decode_on_cuda(*codec, info_, decoder_.queue);
    const OnAllProcessors anywhere;  // threads of the decoder's
    if (result >= 0) result = ffmpeg().avcodec_open2(codec.get(), of_kind, nullptr);
    SF_CHECK(result >= 0, path_, ": ", of_kind->name, ": ", ffmpeg_message(result));
    decoder_.kind = kind;
    decoder_.starts = 0;
    decoder_.needs_flush = false;
    erred_ = false;
  }
  restarts_ = repeats_header_ = again;
  codec->pkt_timebase = time_base;
  skip(AVDISCARD_DEFAULT);
  opened_ = true;
}

// With its queue, which others may know already if this is not the first.
bool PacketDecoder::take(const std::string& kind) {
  if (opened_) return false;
  auto kept = options_.decoders->take(kind);
  if (!kept) return false;
  decoder_ = std::move(*kept);
  return true;
}

// FFmpeg opens its CUDA decoder of H.264 anew at a flush, so there is none where the packet does
// without.
void PacketDecoder::begin(AVPacket& packet) {
  AVCodecContext& codec = *decoder_.codec;
  const bool goes_on = options_.decoders && !decoder_.needs_flush && !erred_ &&
                       decoder_.starts < kMostStarts && tells_start(packet.pts) &&
                       codec.codec_id == AV_CODEC_ID_H264 && begins_anew(packet, codec);
  if (goes_on) {
    ++decoder_.starts;
  } else {
    ffmpeg().avcodec_flush_buffers(&codec);
    decoder_.starts = 0;
    decoder_.needs_flush = false;
  }
  if (std::exchange(repeats_header_, false)) repeat_header(packet, codec);
}

void PacketDecoder::send(AVPacket& packet) {
  if (std::exchange(restarts_, false)) begin(packet);
  const int64_t time = packet.pts, start = decoder_.starts * kStart;
  if (tells_start(time))
    packet.pts += start;
  else
    decoder_.needs_flush = true;
  erred_ |= ffmpeg().avcodec_send_packet(decoder_.codec.get(), &packet) < 0;
  packet.pts = time;
}

void PacketDecoder::send_end() {
  if (std::exchange(restarts_, false)) ffmpeg().avcodec_flush_buffers(decoder_.codec.get());
  erred_ |= ffmpeg().avcodec_send_packet(decoder_.codec.get(), nullptr) < 0;
  decoder_.needs_flush = true;
}

int PacketDecoder::receive(AVFrame& frame) {
  if (restarts_) return AVERROR(EAGAIN);
  while (true) {
    const int result = ffmpeg().avcodec_receive_frame(decoder_.codec.get(), &frame);
    erred_ |= result < 0 && result != AVERROR(EAGAIN) && result != AVERROR_EOF;
    if (result < 0 || decoder_.starts == 0 || frame.pts == AV_NOPTS_VALUE) return result;
    frame.pts -= decoder_.starts * kStart;
    if (tells_start(frame.pts)) return result;
  }
}

}  // namespace sf
