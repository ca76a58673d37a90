#include "data/jpeg.h"

#include <memory>

#include <turbojpeg.h>

#include "kernels/base/error.h"
#include "tensor/mapped_file.h"

namespace sf {

void decode_jpeg(std::span<const std::byte> file, PictureBuffer& out) {
  // A new one for each file: after an error the library carries some of it into the next.
  const std::unique_ptr<void, int (*)(tjhandle)> handle(tjInitDecompress(), tjDestroy);
  SF_CHECK(handle != nullptr, "JPEG decoder: out of memory");
  const auto complaint = [&] { return printable(tjGetErrorStr2(handle.get())); };
  const auto* bytes = reinterpret_cast<const unsigned char*>(file.data());
  const auto size = static_cast<unsigned long>(file.size());
  int width = 0, height = 0, subsampling = 0, colors = 0;
  SF_CHECK(!file.empty(), "wanted a JPEG picture, found an empty file");
  SF_CHECK(
      tjDecompressHeader3(handle.get(), bytes, size, &width, &height, &subsampling, &colors) == 0,
      "wanted a JPEG picture, found none: ", complaint());
  SF_CHECK(colors == TJCS_YCbCr || colors == TJCS_GRAY || colors == TJCS_RGB,
           "wanted a grey, RGB or YCbCr JPEG picture, found CMYK or YCCK");
  SF_CHECK(int64_t(width) * height <= kMostJpegPixels, "wanted a picture of at most ",
           kMostJpegPixels, " pixels, found ", width, "x", height);
  out.resize(width, height);
  // A picture that ends early or has wrong codes is a warning to the library. The number of scans
  // is limited, because each of a few bytes takes the time of a whole picture.
  constexpr int kFlags = TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS;
  SF_CHECK(
      tjDecompress2(handle.get(), bytes, size, out.data(), width, 0, height, TJPF_RGB, kFlags) == 0,
      "wanted an intact JPEG picture: ", complaint());
}

void read_jpeg(const std::filesystem::path& path, PictureBuffer& out) {
  naming_file(path, [&] { decode_jpeg(MappedFile::open(path)->bytes(), out); });
}

}  // namespace sf
