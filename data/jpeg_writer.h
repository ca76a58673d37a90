// JPEG files from pictures, through libjpeg-turbo.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "data/picture.h"

namespace sf {

// One thread at a time.
class JpegEncoder {
 public:
  JpegEncoder();
  JpegEncoder(const JpegEncoder&) = delete;
  JpegEncoder& operator=(const JpegEncoder&) = delete;
  ~JpegEncoder();

  // quality: 1 to 100. Colours have half the resolution, as in the videos they come from. The same
  // picture gives the same bytes, which live until the next call. Throws sf::Error for pictures
  // without pixels or with more than 65500 on a side.
  std::span<const std::byte> encode(const Picture& picture, int quality);

 private:
  void* handle_;
  unsigned char* bytes_ = nullptr;
  unsigned long capacity_ = 0;
};

// Writes the encoded picture to a new or replaced file. Throws sf::Error with the path.
void write_jpeg(const std::filesystem::path& path, JpegEncoder& encoder, const Picture& picture,
                int quality);

}  // namespace sf
