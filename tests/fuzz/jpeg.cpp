// JPEG pictures.
#include "data/jpeg.h"

#include "tensor/crc32c.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sf;
  using namespace sf::fuzz;
  attempt([&] {
    PictureBuffer picture;
    decode_jpeg(std::as_bytes(std::span(data, size)), picture);
    const Picture view = picture.view();
    for (int y = 0; y < view.height; ++y)
      outcomes().checksum =
          crc32c(std::as_bytes(std::span(view.row(y), size_t(view.stride))), outcomes().checksum);
  });
  return 0;
}
