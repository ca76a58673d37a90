#include "kernels/concat/concat.h"

#include <array>

#include "kernels/base/copy_pixels.h"
#include "kernels/base/device_table.h"

namespace sf {

SF_DEVICE_TABLE(CopyKernel, copy_kernels)

namespace {

void run(const CopyProblem& p, const CopyArgs& a, void*, void*, Queue) {
  copy_pixels(p.dtype, p.pixels, p.c, a.x, p.x_pitch, a.y, p.y_pitch);
}

bool can_run(const CopyProblem&) { return true; }

}  // namespace

std::span<const CopyKernel> copy_kernels(Backend backend) {
  static constexpr std::array kRows{
      CopyKernel{.name = "copy_pixels", .can_run = can_run, .run = run}};
  switch (backend) {
    case Backend::cpu: return kRows;
    case Backend::simt: return simt::copy_kernels();
    case Backend::cuda: return cuda::copy_kernels();
  }
  return {};
}

}  // namespace sf
