// One thread an element. The draws are those of the reference.
#include <array>

#include "kernels/base/counter_rng.h"
#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/base/storage.h"
#include "kernels/dropout/draws.h"

namespace sf {

SF_DEVICE_TABLE(DropoutKernel, dropout_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = 256;

template <class T>
__global__ void __launch_bounds__(kThreads)
    dropout_kernel(DropoutProblem p, const T* x, const int64_t* seed, const int64_t* step, T* y) {
  const int64_t at = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (at >= p.pixels * p.c) return;
  const int64_t pixel = at / p.c, c = at % p.c;
  const bool kept = Draws(p, *seed, *step).keeps(pixel, c);
  y[pixel * p.y_pitch + c] = T(kept ? float(x[pixel * p.x_pitch + c]) * kept_scale(p) : 0.0F);
}

bool can_run(const DropoutProblem& p) { return is_storage(p.dtype); }

void run(const DropoutProblem& p, const DropoutArgs& args, void*, void*, Queue queue) {
  with_storage(p.dtype, [&](auto t) {
    using T = decltype(t);
    launch(dropout_kernel<T>, ceil_div(p.pixels * p.c, kThreads), kThreads, 0, queue, p,
           static_cast<const T*>(args.x), args.seed, args.step, static_cast<T*>(args.y));
  });
}

}  // namespace

std::span<const DropoutKernel> dropout_kernels() {
  static constexpr std::array rows{
      DropoutKernel{.name = "elements", .can_run = can_run, .run = run}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
