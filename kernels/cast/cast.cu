// One thread a vector of channels of the wider type, or one value.
#include <array>

#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/base/storage.h"
#include "kernels/cast/cast.h"

namespace sf {

SF_DEVICE_TABLE(CastKernel, cast_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = 256;

template <class From, class To, int kWidth>
__global__ void __launch_bounds__(kThreads) cast_kernel(CastProblem p, const From* x, To* y) {
  const int vectors = p.c / kWidth;
  const int64_t at = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t pixel = at / vectors, c = at % vectors * kWidth;
  if (pixel >= p.pixels) return;
  const auto from = load<kWidth>(x + pixel * p.x_pitch + c);
  Vec<To, kWidth> to;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) to[i] = To(float(from[i]));
  store(y + pixel * p.y_pitch + c, to);
}

bool can_run(const CastProblem& p) { return is_storage(p.from) && is_storage(p.to); }

template <class From, class To>
void cast(const CastProblem& p, const CastArgs& args, Queue queue) {
  const auto start = [&](auto width) {
    launch(cast_kernel<From, To, width>, ceil_div(p.pixels * (p.c / width), kThreads), kThreads, 0,
           queue, p, static_cast<const From*>(args.x), static_cast<To*>(args.y));
  };
  // Both types have whole vectors of the count that fills 16 bytes of the wider one.
  constexpr int kWidth = kVec<From> < kVec<To> ? kVec<From> : kVec<To>;
  if (aligned_for_vectors<From>(p.c, {p.x_pitch}, {args.x}) &&
      aligned_for_vectors<To>(p.c, {p.y_pitch}, {args.y}))
    start(std::integral_constant<int, kWidth>{});
  else
    start(std::integral_constant<int, 1>{});
}

void run(const CastProblem& p, const CastArgs& args, void*, void*, Queue queue) {
  with_storage(p.from, [&](auto from) {
    with_storage(p.to, [&](auto to) { cast<decltype(from), decltype(to)>(p, args, queue); });
  });
}

}  // namespace

std::span<const CastKernel> cast_kernels() {
  static constexpr std::array rows{CastKernel{.name = "vectors", .can_run = can_run, .run = run}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
