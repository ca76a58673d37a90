#include "data/packet_decoder.h"

#include <algorithm>
#include <utility>

#include "data/cuda_decoder.h"
#include "data/kept_decoders.h"
#include "kernels/base/error.h"

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

}  // namespace

PacketDecoder::PacketDecoder(const std::string& path, const VideoReaderOptions& options,
                             const VideoInfo& info)
    : path_(path), options_(options), info_(info), queue_(options.pictures.device()) {}

PacketDecoder::~PacketDecoder() {
  if (!options_.decoders || !codec_ || erred_) return;
  flush();
  options_.decoders->keep({kind_, std::move(codec_), queue_});
}

void PacketDecoder::open(const AVCodecParameters& parameters, AVRational time_base) {
  std::string kind = decoder_kind(parameters);
  const bool again = options_.decoders && (codec_ ? !erred_ && kind_ == kind : take(kind));
  if (again) {
    flush();
    codec_->opaque = const_cast<VideoInfo*>(&info_);
    codec_->has_b_frames = parameters.video_delay;  // which decoders raise as they go
  } else {
    const AVCodec* codec = ffmpeg().avcodec_find_decoder(parameters.codec_id);
    SF_CHECK(codec != nullptr, path_, ": no decoder for ",
             ffmpeg().avcodec_get_name(parameters.codec_id));
    codec_.reset(ffmpeg().avcodec_alloc_context3(codec));
    SF_CHECK(codec_ != nullptr, path_, ": out of memory");
    int result = ffmpeg().avcodec_parameters_to_context(codec_.get(), &parameters);
    codec_->thread_count = std::max(1, options_.threads);
    codec_->max_pixels = options_.max_pixels;
    if (options_.pictures.device().backend == Backend::cuda && cuda_decoder_fault().empty())
      decode_on_cuda(*codec_, info_, queue_);
    if (result >= 0) result = ffmpeg().avcodec_open2(codec_.get(), codec, nullptr);
    SF_CHECK(result >= 0, path_, ": ", codec->name, ": ", ffmpeg_message(result));
    kind_ = std::move(kind);
    erred_ = false;
  }
  repeats_header_ = again;
  codec_->pkt_timebase = time_base;
  skip(AVDISCARD_DEFAULT);
  opened_ = true;
}

// With its queue, which others may know already if this is not the first.
bool PacketDecoder::take(const std::string& kind) {
  if (opened_) return false;
  auto kept = options_.decoders->take(kind);
  if (!kept) return false;
  queue_ = kept->queue;
  codec_ = std::move(kept->codec);
  kind_ = kind;
  return true;
}

void PacketDecoder::flush() { ffmpeg().avcodec_flush_buffers(codec_.get()); }

void PacketDecoder::send(AVPacket& packet) {
  if (std::exchange(repeats_header_, false)) repeat_header(packet, *codec_);
  erred_ |= ffmpeg().avcodec_send_packet(codec_.get(), &packet) < 0;
}

void PacketDecoder::send_end() {
  erred_ |= ffmpeg().avcodec_send_packet(codec_.get(), nullptr) < 0;
}

int PacketDecoder::receive(AVFrame& frame) {
  const int result = ffmpeg().avcodec_receive_frame(codec_.get(), &frame);
  erred_ |= result < 0 && result != AVERROR(EAGAIN) && result != AVERROR_EOF;
  return result;
}

}  // namespace sf
