// The definition.
#include <cmath>

#include "kernels/base/element.h"
#include "kernels/base/pixels.h"
#include "kernels/pointwise/pointwise.h"

namespace sf {
namespace {

template <class T>
T sigmoid(T x) {
  return T(1) / (T(1) + std::exp(-x));
}

template <class T>
T apply(UnaryKind kind, T x) {
  switch (kind) {
    case UnaryKind::relu: return activate(Activation::relu, x);
    case UnaryKind::sigmoid: return sigmoid(x);
    case UnaryKind::swish: return x * sigmoid(x);
  }
  return x;
}

template <class T>
void unary(const UnaryProblem& p, const UnaryArgs& a) {
  parallel_for_pixels(p.pixels, p.c, [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i)
      for (int c = 0; c < p.c; ++c)
        static_cast<T*>(a.y)[i * p.y_pitch + c] =
            T(apply(p.kind, Arithmetic<T>(static_cast<const T*>(a.x)[i * p.x_pitch + c])));
  });
}

template <class T>
void binary(const BinaryProblem& p, const BinaryArgs& args) {
  using A = Arithmetic<T>;
  parallel_for_pixels(p.pixels, p.c, [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i)
      for (int c = 0; c < p.c; ++c) {
        const A a = A(static_cast<const T*>(args.a)[i * p.a_pitch + c]);
        const A b = A(static_cast<const T*>(args.b)[i / p.b_repeat * p.b_pitch + c]);
        static_cast<T*>(args.y)[i * p.y_pitch + c] = T(p.kind == BinaryKind::add ? a + b : a * b);
      }
  });
}

bool can_run_unary(const UnaryProblem& p) { return is_real(p.dtype); }
bool can_run_binary(const BinaryProblem& p) { return is_real(p.dtype); }

void run_unary(const UnaryProblem& p, const UnaryArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { unary<decltype(t)>(p, a); });
}
void run_binary(const BinaryProblem& p, const BinaryArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { binary<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const UnaryKernel kUnaryReference{
    .name = "reference", .can_run = can_run_unary, .run = run_unary};
extern constinit const BinaryKernel kBinaryReference{
    .name = "reference", .can_run = can_run_binary, .run = run_binary};

}  // namespace sf
