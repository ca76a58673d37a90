// The definition.
#include "kernels/nv12/colour.h"
#include "kernels/nv12/nv12.h"

namespace sf {
namespace {

bool can_run(const Nv12Problem&) { return true; }

void run(const Nv12Problem& p, const Nv12Args& a, void*, void*, Queue) {
  const ColourMatrix m = bt601(p.full_range);
  for (int y = 0; y < p.height; ++y) {
    const uint8_t* luma = a.luma + y * p.luma_bytes;
    const uint8_t* chroma = a.chroma + y / 2 * p.chroma_bytes;
    uint8_t* rgb = a.rgb + y * p.rgb_bytes;
    for (int x = 0; x < p.width; ++x) {
      const uint8_t* pair = chroma + x / 2 * 2;
      write_pixel(m, luma[x], chroma_of(m, pair[0], pair[1]), rgb + 3 * x);
    }
  }
}

}  // namespace

extern constinit const Nv12Kernel kNv12Reference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
