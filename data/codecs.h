// What the FFmpeg under the video reader can do.
#pragma once

#include <string>
#include <vector>

namespace sf {

// "libavformat 59.27.100, libavcodec ..., libswscale ...".
std::string ffmpeg_version();
// Of the codecs that video data sets use, those that can be decoded here, and those that cannot.
std::vector<std::string> decodable_codecs();
std::vector<std::string> missing_codecs();
// The encoder that written videos get: "libx264" or "mpeg4"; empty if there is neither.
std::string video_encoder();

}  // namespace sf
