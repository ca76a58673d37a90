#include "host_peaks.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "kernels/base/machine.h"
#include "kernels/base/threads.h"
#include "kernels/matmul/matmul.h"
#include "tensor/tensor.h"

namespace sf {
namespace {

template <class F>
double least_seconds(const F& f) {
  double least = 1e9;
  for (int i = 0; i < 8; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    f();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    least = std::min(least, taken.count());
  }
  return least;
}

double product_operations(DType type) {
  constexpr int kSize = 1536;
  const MatmulProblem p{
      .dtype = type, .m = kSize, .n = kSize, .k = kSize, .lda = kSize, .ldb = kSize, .ldc = kSize};
  const auto& kernel = *select(matmul_kernels(Backend::cpu), p);
  const auto prepared = kernel.prepare ? kernel.prepare(p) : nullptr;
  const auto workspace =
      kernel.workspace_bytes ? int64_t(kernel.workspace_bytes(p, prepared.get())) : 0;
  const Tensor scratch = Tensor::zeros({{workspace + 1}, DType::u8});
  const TensorType matrix{{kSize, kSize}, type};
  const Tensor a = Tensor::zeros(matrix), b = Tensor::zeros(matrix), c = Tensor::zeros(matrix);
  const MatmulArgs args{.a = a.data(), .b = b.data(), .c = c.data()};
  return 2.0 * kSize * kSize * kSize /
         least_seconds([&] { kernel.run(p, args, prepared.get(), scratch.data(), {}); });
}

double copy_bandwidth() {
  constexpr int64_t kPart = 1 << 20, kParts = 256;
  const Tensor from = Tensor::zeros({{kParts * kPart}, DType::u8}),
               to = Tensor::zeros({{kParts * kPart}, DType::u8});
  return 2.0 * kParts * kPart / least_seconds([&] {
           parallel_for(kParts, 8, [&](int64_t i) {
             std::memcpy(to.data() + i * kPart, from.data() + i * kPart, kPart);
           });
         });
}

}  // namespace

Peaks measured_host_peaks(DType type) {
  const bool products = type == DType::bf16 && has_bf16_products();
  const double operations = product_operations(products ? type : DType::f32);
  return {
      .bandwidth = copy_bandwidth(), .single = operations, .tf32 = operations, .half = operations};
}

}  // namespace sf
