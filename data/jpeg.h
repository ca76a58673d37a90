// JPEG files, through libjpeg-turbo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "data/picture_buffer.h"

namespace sf {

// Pictures of more pixels are refused.
constexpr int64_t kMostJpegPixels = int64_t(1) << 25;

// Decodes to the bytes that libjpeg's exact whole-number transform and smooth upsampling give, as
// in OpenCV's imread, whose result is this one in BGR. Grey files become grey RGB. Orientation
// metadata is ignored. Throws sf::Error if the file is no JPEG, damaged, cut short, or of other
// colours than grey, RGB or YCbCr.
void decode_jpeg(std::span<const std::byte> file, PictureBuffer& out);

// The message of an error begins with the path.
void read_jpeg(const std::filesystem::path& path, PictureBuffer& out);

}  // namespace sf
