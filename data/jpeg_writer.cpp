#include "data/jpeg_writer.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include <turbojpeg.h>

#include "kernels/base/error.h"

namespace sf {

JpegEncoder::JpegEncoder() : handle_(tjInitCompress()) {
  SF_CHECK(handle_ != nullptr, "JPEG encoder: out of memory");
}

JpegEncoder::~JpegEncoder() {
  tjFree(bytes_);
  tjDestroy(handle_);
}

std::span<const std::byte> JpegEncoder::encode(const Picture& picture, int quality) {
  SF_CHECK(quality >= 1 && quality <= 100, "JPEG: wanted a quality of 1 to 100, found ", quality);
  const int result =
      tjCompress2(handle_, picture.data, picture.width, int(picture.stride), picture.height,
                  TJPF_RGB, &bytes_, &capacity_, TJSAMP_420, quality, TJFLAG_ACCURATEDCT);
  SF_CHECK(result == 0, "JPEG: wanted a picture that fits the format, found ", picture.width, "x",
           picture.height, ": ", tjGetErrorStr2(handle_));
  return {reinterpret_cast<const std::byte*>(bytes_), capacity_};
}

void write_jpeg(const std::filesystem::path& path, JpegEncoder& encoder, const Picture& picture,
                int quality) {
  const auto bytes = encoder.encode(picture, quality);
  const auto fail = [&] { throw Error(cat(path.string(), ": ", std::strerror(errno))); };
  struct Closer {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  std::unique_ptr<std::FILE, Closer> file(std::fopen(path.c_str(), "wb"));
  if (!file) fail();
  if (std::fwrite(bytes.data(), 1, bytes.size(), file.get()) != bytes.size()) fail();
  if (std::fclose(file.release()) != 0) fail();
}

}  // namespace sf
