#include "data/codecs.h"

#include <array>
#include <utility>

#include "data/ffmpeg_handles.h"

namespace sf {
namespace {

constexpr std::array<std::pair<AVCodecID, const char*>, 8> kCodecs{
    {{AV_CODEC_ID_H264, "h264"},
     {AV_CODEC_ID_HEVC, "hevc"},
     {AV_CODEC_ID_VP8, "vp8"},
     {AV_CODEC_ID_VP9, "vp9"},
     {AV_CODEC_ID_AV1, "av1"},
     {AV_CODEC_ID_MPEG4, "mpeg4"},
     {AV_CODEC_ID_MPEG2VIDEO, "mpeg2"},
     {AV_CODEC_ID_MJPEG, "mjpeg"}}};

std::string dotted(unsigned version) {
  return std::to_string(AV_VERSION_MAJOR(version)) + "." +
         std::to_string(AV_VERSION_MINOR(version)) + "." +
         std::to_string(AV_VERSION_MICRO(version));
}

std::vector<std::string> codecs(bool decodable) {
  std::vector<std::string> names;
  for (const auto& [id, name] : kCodecs)
    if ((ffmpeg().avcodec_find_decoder(id) != nullptr) == decodable) names.emplace_back(name);
  return names;
}

}  // namespace

std::string ffmpeg_version() {
  return "libavformat " + dotted(ffmpeg().avformat_version()) + ", libavcodec " +
         dotted(ffmpeg().avcodec_version()) + ", libswscale " + dotted(ffmpeg().swscale_version());
}

std::vector<std::string> decodable_codecs() { return codecs(true); }
std::vector<std::string> missing_codecs() { return codecs(false); }

std::string video_encoder() {
  for (const char* name : {"libx264", "mpeg4"})
    if (ffmpeg().avcodec_find_encoder_by_name(name)) return name;
  return {};
}

}  // namespace sf
