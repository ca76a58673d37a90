// The pixels of a problem in strips that one block of a device takes, each of one split. They
// depend on the problem alone, so that sums over them come out the same in every run.
#pragma once

#include "kernels/base/channel_tiles.h"
#include "kernels/batch_norm/training.h"

namespace sf::SF_DEVICE_NS {

// Pixels [first, first + count).
struct PixelStrip {
  int64_t first;
  int count, split;
};

// Channel c of a pixel; null stays null.
template <class T, class Void>
SF_DEVICE T* at_pixel(Void* base, int64_t pixel, int64_t pitch, int c) {
  return base ? static_cast<T*>(base) + pixel * pitch + c : nullptr;
}

class PixelStrips {
 public:
  // Without splits, strips reach over samples.
  PixelStrips(const BatchNormTrainingProblem& p, int pixels)
      : sample_pixels_(p.sample_pixels),
        run_pixels_(p.splits == 1 ? p.pixels() : p.sample_pixels),
        splits_(p.splits),
        runs_(int(p.pixels() / run_pixels_)),
        pixels_(pixels),
        per_run_(int(ceil_div(run_pixels_, pixels))) {}

  SF_HOST_DEVICE int size() const { return runs_ * per_run_; }
  SF_HOST_DEVICE int per_split() const { return runs_ / splits_ * per_run_; }
  SF_HOST_DEVICE int64_t first_pixel_of(int split) const { return split * sample_pixels_; }

  SF_HOST_DEVICE PixelStrip operator[](int i) const {
    const int run = i / per_run_;
    const int64_t offset = int64_t(i % per_run_) * pixels_;
    return {run * run_pixels_ + offset, int(minimum<int64_t>(pixels_, run_pixels_ - offset)),
            run % splits_};
  }

  // The number of strip i of a split.
  SF_HOST_DEVICE int number(int split, int i) const {
    return (i / per_run_ * splits_ + split) * per_run_ + i % per_run_;
  }

 private:
  int64_t sample_pixels_, run_pixels_;
  int splits_, runs_, pixels_, per_run_;
};

}  // namespace sf::SF_DEVICE_NS
