// The definition.
#include "kernels/base/storage.h"
#include "kernels/resample/resample.h"
#include "kernels/resample/taps.h"

namespace sf {
namespace {

template <class T>
void resample(const ResampleProblem& p, const ResampleArgs& a) {
  T* y = static_cast<T*>(a.y);
  for (int f = 0; f < p.frames; ++f) {
    const uint8_t* picture = a.x + (a.frame ? a.frame[f] : f) * p.frame_bytes;
    for (int i = 0; i < p.out_height; ++i) {
      const PixelPair v = neighbours(p.in_height, p.height, p.top + i);
      for (int j = 0; j < p.out_width; ++j, y += p.y_pitch) {
        const int column = p.mirror ? p.out_width - 1 - j : j;
        const PixelPair h = neighbours(p.in_width, p.width, p.left + column);
        for (int c = 0; c < 3; ++c) {
          const auto value = [&](int row, int x) {
            return normalised(picture[row * p.row_bytes + 3 * x + c], p.mean[size_t(c)],
                              p.std[size_t(c)]);
          };
          y[p.reverse_channels ? 2 - c : c] = T(blended(v, h, value));
        }
      }
    }
  }
}

bool can_run(const ResampleProblem& p) { return is_storage(p.dtype); }

void run(const ResampleProblem& p, const ResampleArgs& a, void*, void*, Queue) {
  with_storage(p.dtype, [&](auto t) { resample<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const ResampleKernel kResampleReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
