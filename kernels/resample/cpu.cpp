// Row by row: normalised by table, resized in its own direction once, blended with the next.
#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "kernels/resample/pixel_rows.h"
#include "kernels/resample/resample.h"
#include "kernels/resample/taps.h"

namespace sf {
namespace {

using Taps = std::vector<PixelPair>;

Taps taps(int in, int out, int first, int count) {
  Taps all;
  for (int i = 0; i < count; ++i) all.push_back(neighbours(in, out, first + i));
  return all;
}

// What follows from the problem but for pitches.
struct Prepared {
  std::array<std::array<float, 256>, 3> normalised;  // of every value of red, green and blue
  Taps vertical;
  Taps horizontal;  // places count floats
  int begin, end;   // the columns of the pictures that are needed

  explicit Prepared(const ResampleProblem& p)
      : vertical(taps(p.in_height, p.height, p.top, p.out_height)),
        horizontal(taps(p.in_width, p.width, p.left, p.out_width)),
        begin(horizontal.front().near),
        end(horizontal.back().far + 1) {
    for (size_t c = 0; c < 3; ++c)
      for (int v = 0; v < 256; ++v)
        normalised[c][size_t(v)] = sf::normalised(v, p.mean[c], p.std[c]);
    if (p.mirror) std::reverse(horizontal.begin(), horizontal.end());
    for (PixelPair& pair : horizontal) {
      pair.near *= 3;
      pair.far *= 3;
    }
  }
};

// The rows of one picture. Pixels are read and written as vectors of four floats, so that every row
// has one float more.
class Rows {
 public:
  Rows(const ResampleProblem& p, const Prepared& prepared, float* memory)
      : p_(p),
        prepared_(prepared),
        normalised_(memory),
        resized_{memory + row(p.in_width), memory + row(p.in_width) + row(p.out_width)} {}

  static int64_t row(int width) { return int64_t{3} * width + 1; }

  void show(const uint8_t* picture) {
    picture_ = picture;
    numbers_ = {-1, -1};
  }
  const float* normalised(int y) {
    const uint8_t* in = picture_ + y * p_.row_bytes;
    const auto& [red, green, blue] = prepared_.normalised;
    const int r = p_.reverse_channels ? 2 : 0, b = 2 - r;
    for (int x = prepared_.begin; x < prepared_.end; ++x) {
      normalised_[3 * x + r] = red[in[3 * x]];
      normalised_[3 * x + 1] = green[in[3 * x + 1]];
      normalised_[3 * x + b] = blue[in[3 * x + 2]];
    }
    return normalised_;
  }
  // Normalised and resized horizontally; two are kept, since neighbouring rows of the result share
  // them.
  const float* resized(int y) {
    const size_t slot = size_t(y) % 2;
    if (numbers_[slot] == y) return resized_[slot];
    blend_pixels(normalised(y), prepared_.horizontal, resized_[slot]);
    numbers_[slot] = y;
    return resized_[slot];
  }

 private:
  const ResampleProblem& p_;
  const Prepared& prepared_;
  const uint8_t* picture_ = nullptr;
  float* normalised_;
  std::array<float*, 2> resized_;
  std::array<int, 2> numbers_{-1, -1};
};

bool can_run(const ResampleProblem& p) { return p.dtype == DType::f32 && p.y_pitch == 3; }

std::shared_ptr<void> prepare(const ResampleProblem& p) { return std::make_shared<Prepared>(p); }

size_t workspace_bytes(const ResampleProblem& p, void*) {
  return size_t(Rows::row(p.in_width) + 2 * Rows::row(p.out_width)) * sizeof(float);
}

void run(const ResampleProblem& p, const ResampleArgs& a, void* prepared, void* workspace, Queue) {
  const auto& plan = *static_cast<const Prepared*>(prepared);
  Rows rows(p, plan, static_cast<float*>(workspace));
  auto* y = static_cast<float*>(a.y);
  const bool resizes = p.in_height != p.height || p.in_width != p.width;
  for (int f = 0; f < p.frames; ++f) {
    rows.show(a.x + (a.frame ? a.frame[f] : f) * p.frame_bytes);
    for (int i = 0; i < p.out_height; ++i, y += int64_t{3} * p.out_width) {
      if (!resizes) {
        const float* from = rows.normalised(p.top + i);
        for (int j = 0; j < p.out_width; ++j)
          std::copy_n(from + plan.horizontal[size_t(j)].near, 3, y + 3 * j);
        continue;
      }
      const PixelPair& v = plan.vertical[size_t(i)];
      const float* near = rows.resized(v.near);
      const float* far = rows.resized(v.far);
      blend_rows(near, v.near_weight, far, v.far_weight, int64_t{3} * p.out_width, y);
    }
  }
}

}  // namespace

extern constinit const ResampleKernel kResampleRows{.name = "rows",
                                                    .can_run = can_run,
                                                    .prepare = prepare,
                                                    .workspace_bytes = workspace_bytes,
                                                    .run = run};

}  // namespace sf
