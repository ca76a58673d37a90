// The implicit product on tensor cores, for bf16 and f16.
#include "kernels/conv3d/implicit_gemm.h"

namespace sf::SF_DEVICE_NS {
namespace {

template <class T>
using Tile128x128 = GemmShape<TensorTile<T, 64, 32>, 128, 128, 4, 2>;
template <class T>
using Tile64x64 = GemmShape<TensorTile<T, 32, 32>, 64, 64, 4, 4>;
// The same for long reductions: half as many slices, of twice the length.
template <class T>
using Long128x128 = GemmShape<TensorTile<T, 64, 32, 128>, 128, 128, 3, 2>;
template <class T>
using Long64x64 = GemmShape<TensorTile<T, 32, 32, 128>, 64, 64, 3, 4>;
template <class T>
using Tile128x32 = GemmShape<TensorTile<T, 32, 32>, 128, 32, 4, 4>;
template <class T>
using Tile128x16 = GemmShape<TensorTile<T, 32, 16>, 128, 16, 4, 5>;

bool can_run(const Conv3dProblem& p) { return gemm_can_run<bf16>(p) || gemm_can_run<f16>(p); }

template <template <class> class Shape>
void run(const Conv3dProblem& p, const Conv3dArgs& args, void*, void* workspace, Queue queue) {
  if (p.dtype == DType::bf16)
    run_gemm<bf16, Shape<bf16>>(p, args, workspace, queue);
  else
    run_gemm<f16, Shape<f16>>(p, args, workspace, queue);
}

template <template <class> class Shape>
constexpr Conv3dKernel row(std::string_view name) {
  return gemm_row<Shape<bf16>>(name, can_run, run<Shape>);
}

}  // namespace

extern constinit const Conv3dKernel kConv3dGemm128x128 = row<Tile128x128>("gemm_128x128");
extern constinit const Conv3dKernel kConv3dGemm64x64 = row<Tile64x64>("gemm_64x64");
extern constinit const Conv3dKernel kConv3dGemmLong128x128 = row<Long128x128>("gemm_128x128_long");
extern constinit const Conv3dKernel kConv3dGemmLong64x64 = row<Long64x64>("gemm_64x64_long");
extern constinit const Conv3dKernel kConv3dGemm128x32 = row<Tile128x32>("gemm_128x32");
extern constinit const Conv3dKernel kConv3dGemm128x16 = row<Tile128x16>("gemm_128x16");

namespace {

// The largest tile of which there are enough to go round; narrow ones for few channels. Limits
// between them are those that were fastest on an H200 (README.md).
const Conv3dKernel& best(const Conv3dProblem& p) {
  const int k = p.k / p.groups;
  if (k <= 16) return kConv3dGemm128x16;
  if (k <= 32) return kConv3dGemm128x32;
  const bool is_long = GemmGrid<Tile64x64<bf16>>::reduction(p) >= 512;
  const int64_t large = k > 64 ? GemmGrid<Tile128x128<bf16>>(p).tiles * p.groups : 0;
  if (large >= kEnoughBlocks) return kConv3dGemm128x128;
  if (large >= kEnoughBlocks / 2 && is_long) return kConv3dGemmLong128x128;
  return is_long ? kConv3dGemmLong64x64 : kConv3dGemm64x64;
}

}  // namespace

extern constinit const Conv3dKernel kConv3dGemm =
    best_row<best>(Conv3dKernel{.name = "gemm", .can_run = can_run});

}  // namespace sf::SF_DEVICE_NS
