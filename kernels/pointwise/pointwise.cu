// One thread a vector of channels: 16 bytes where sizes, pitches and addresses allow, else one
// value.
#include <array>
#include <cmath>

#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/pointwise/backward.h"
#include "kernels/pointwise/pointwise.h"

namespace sf {

SF_DEVICE_TABLE(UnaryKernel, unary_kernels)
SF_DEVICE_TABLE(UnaryBackwardKernel, unary_backward_kernels)
SF_DEVICE_TABLE(BinaryKernel, binary_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = 256;

SF_DEVICE float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

SF_DEVICE float apply(UnaryKind kind, float x) {
  switch (kind) {
    case UnaryKind::relu: return x < 0 ? 0 : x;
    case UnaryKind::sigmoid: return sigmoid(x);
    case UnaryKind::swish: return x * sigmoid(x);
  }
  return x;
}

SF_DEVICE float gradient(UnaryKind kind, float saved, float dy) {
  switch (kind) {
    case UnaryKind::relu: return saved <= 0 ? 0 : dy;
    case UnaryKind::sigmoid: return dy * (1 - saved) * saved;
    case UnaryKind::swish: {
      const float s = sigmoid(saved);
      return dy * (s * (1 + saved * (1 - s)));
    }
  }
  return dy;
}

// The pixel and the channel that a thread's vector begins with; false past the end.
template <int kWidth, class Problem>
SF_DEVICE bool locate(const Problem& p, int64_t& pixel, int& channel) {
  const int vectors = p.c / kWidth;
  const int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  pixel = i / vectors;
  channel = int(i % vectors) * kWidth;
  return pixel < p.pixels;
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads) unary_kernel(UnaryProblem p, const T* x, T* y) {
  int64_t pixel;
  int c;
  if (!locate<kWidth>(p, pixel, c)) return;
  auto v = load<kWidth>(x + pixel * p.x_pitch + c);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) v[i] = T(apply(p.kind, v[i]));
  store(y + pixel * p.y_pitch + c, v);
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    unary_backward_kernel(UnaryBackwardProblem p, const T* saved, const T* dy, T* dx) {
  int64_t pixel;
  int c;
  if (!locate<kWidth>(p, pixel, c)) return;
  auto v = load<kWidth>(saved + pixel * p.saved_pitch + c);
  const auto g = load<kWidth>(dy + pixel * p.dy_pitch + c);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) v[i] = T(gradient(p.kind, v[i], g[i]));
  store(dx + pixel * p.dx_pitch + c, v);
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    binary_kernel(BinaryProblem p, const T* a, const T* b, T* y) {
  int64_t pixel;
  int c;
  if (!locate<kWidth>(p, pixel, c)) return;
  auto v = load<kWidth>(a + pixel * p.a_pitch + c);
  const auto w = load<kWidth>(b + pixel / p.b_repeat * p.b_pitch + c);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    const float s = v[i], t = w[i];
    v[i] = T(p.kind == BinaryKind::add ? s + t : s * t);
  }
  store(y + pixel * p.y_pitch + c, v);
}

template <class Problem>
dim3 grid_of(const Problem& p, int width) {
  return unsigned(ceil_div(p.pixels * (p.c / width), kThreads));
}

template <class Problem>
bool can_run(const Problem& p) {
  return is_storage(p.dtype);
}

void run_unary(const UnaryProblem& p, const UnaryArgs& args, void*, void*, Queue queue) {
  with_vectors(p.dtype, p.c, {p.x_pitch, p.y_pitch}, {args.x, args.y}, [&](auto t, auto width) {
    using T = decltype(t);
    launch(unary_kernel<T, width>, grid_of(p, width), kThreads, 0, queue, p,
           static_cast<const T*>(args.x), static_cast<T*>(args.y));
  });
}

void run_unary_backward(const UnaryBackwardProblem& p, const UnaryBackwardArgs& args, void*, void*,
                        Queue queue) {
  with_vectors(p.dtype, p.c, {p.saved_pitch, p.dy_pitch, p.dx_pitch},
               {args.saved, args.dy, args.dx}, [&](auto t, auto width) {
                 using T = decltype(t);
                 launch(unary_backward_kernel<T, width>, grid_of(p, width), kThreads, 0, queue, p,
                        static_cast<const T*>(args.saved), static_cast<const T*>(args.dy),
                        static_cast<T*>(args.dx));
               });
}

void run_binary(const BinaryProblem& p, const BinaryArgs& args, void*, void*, Queue queue) {
  with_vectors(p.dtype, p.c, {p.a_pitch, p.b_pitch, p.y_pitch}, {args.a, args.b, args.y},
               [&](auto t, auto width) {
                 using T = decltype(t);
                 launch(binary_kernel<T, width>, grid_of(p, width), kThreads, 0, queue, p,
                        static_cast<const T*>(args.a), static_cast<const T*>(args.b),
                        static_cast<T*>(args.y));
               });
}

}  // namespace

std::span<const UnaryKernel> unary_kernels() {
  static constexpr std::array rows{UnaryKernel{
      .name = "vectors", .exact = false, .can_run = can_run<UnaryProblem>, .run = run_unary}};
  return rows;
}

std::span<const UnaryBackwardKernel> unary_backward_kernels() {
  static constexpr std::array rows{UnaryBackwardKernel{.name = "vectors",
                                                       .exact = false,
                                                       .can_run = can_run<UnaryBackwardProblem>,
                                                       .run = run_unary_backward}};
  return rows;
}

std::span<const BinaryKernel> binary_kernels() {
  static constexpr std::array rows{
      BinaryKernel{.name = "vectors", .can_run = can_run<BinaryProblem>, .run = run_binary}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
