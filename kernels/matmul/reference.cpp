// The definition: any pitch, every real type.
#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/matmul/matmul.h"

namespace sf {
namespace {

template <class T>
void multiply(const MatmulProblem& p, const MatmulArgs& args) {
  using A = Arithmetic<T>;
  const int64_t a_along_m = p.transpose_a ? 1 : p.lda, a_along_k = p.transpose_a ? p.lda : 1;
  const int64_t b_along_k = p.transpose_b ? 1 : p.ldb, b_along_n = p.transpose_b ? p.ldb : 1;
  parallel_for(p.batch * p.m, 1, [&](int64_t row) {
    const int64_t batch = row / p.m, i = row % p.m;
    const T* a = static_cast<const T*>(args.a) + batch * p.a_stride + i * a_along_m;
    const T* b = static_cast<const T*>(args.b) + batch * p.b_stride;
    T* c = static_cast<T*>(args.c) + batch * p.c_stride + i * p.ldc;
    for (int j = 0; j < p.n; ++j) {
      A sum = 0;
      for (int k = 0; k < p.k; ++k)
        sum += A(a[k * a_along_k]) * A(b[k * b_along_k + j * b_along_n]);
      c[j] = T(sum * A(p.alpha));
    }
  });
}

bool can_run(const MatmulProblem& p) { return is_real(p.dtype); }

void run(const MatmulProblem& p, const MatmulArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { multiply<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const MatmulKernel kMatmulReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
