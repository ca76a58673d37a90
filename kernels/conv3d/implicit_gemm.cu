// The implicit product on tensor cores, for bf16 and f16.
#include "kernels/conv3d/implicit_gemm.h"

namespace sf::SF_DEVICE_NS {

extern const Conv3dKernel kConv3dDirect;

namespace {

template <class T>
using Tile128x128 = GemmShape<TensorTile<T, 64, 32>, 128, 128, 4, 2>;
template <class T>
using Tile128x64 = GemmShape<TensorTile<T, 64, 32>, 128, 64, 4, 3>;
template <class T>
using Tile64x64 = GemmShape<TensorTile<T, 32, 32>, 64, 64, 4, 4>;
template <class T>
using Tile128x32 = GemmShape<TensorTile<T, 32, 32>, 128, 32, 4, 4>;
template <class T>
using Tile128x16 = GemmShape<TensorTile<T, 32, 16>, 128, 16, 4, 5>;

bool can_run(const Conv3dProblem& p) { return gemm_can_run<bf16>(p) || gemm_can_run<f16>(p); }

template <template <class> class Shape>
void run(const Conv3dProblem& p, const Conv3dArgs& args, void* prepared, void* workspace,
         Queue queue) {
  if (!aligned_for_copies(args)) return kConv3dDirect.run(p, args, prepared, workspace, queue);
  if (p.dtype == DType::bf16)
    run_gemm<bf16, Shape<bf16>>(p, args, workspace, queue);
  else
    run_gemm<f16, Shape<f16>>(p, args, workspace, queue);
}

// The largest tile of which there are enough to go round; narrow ones for few channels.
void run_best(const Conv3dProblem& p, const Conv3dArgs& args, void* prepared, void* workspace,
              Queue queue) {
  const int k = p.k / p.groups;
  decltype(Conv3dKernel::run) best = run<Tile64x64>;
  if (k <= 16)
    best = run<Tile128x16>;
  else if (k <= 32)
    best = run<Tile128x32>;
  else if (k > 64 && gemm_blocks<Tile128x128<bf16>>(p) >= kEnoughBlocks)
    best = run<Tile128x128>;
  else if (gemm_blocks<Tile128x64<bf16>>(p) >= kEnoughBlocks)
    best = run<Tile128x64>;
  best(p, args, prepared, workspace, queue);
}

}  // namespace

extern constinit const Conv3dKernel kConv3dGemm{.name = "gemm",
                                                .can_run = can_run,
                                                .workspace_bytes = gemm_workspace_bytes,
                                                .run = run_best,
                                                .launches = gathering_launches};
extern constinit const Conv3dKernel kConv3dGemm128x128{.name = "gemm_128x128",
                                                       .can_run = can_run,
                                                       .workspace_bytes = gemm_workspace_bytes,
                                                       .run = run<Tile128x128>,
                                                       .launches = gathering_launches};
extern constinit const Conv3dKernel kConv3dGemm128x64{.name = "gemm_128x64",
                                                      .can_run = can_run,
                                                      .workspace_bytes = gemm_workspace_bytes,
                                                      .run = run<Tile128x64>,
                                                      .launches = gathering_launches};
extern constinit const Conv3dKernel kConv3dGemm64x64{.name = "gemm_64x64",
                                                     .can_run = can_run,
                                                     .workspace_bytes = gemm_workspace_bytes,
                                                     .run = run<Tile64x64>,
                                                     .launches = gathering_launches};
extern constinit const Conv3dKernel kConv3dGemm128x32{.name = "gemm_128x32",
                                                      .can_run = can_run,
                                                      .workspace_bytes = gemm_workspace_bytes,
                                                      .run = run<Tile128x32>,
                                                      .launches = gathering_launches};
extern constinit const Conv3dKernel kConv3dGemm128x16{.name = "gemm_128x16",
                                                      .can_run = can_run,
                                                      .workspace_bytes = gemm_workspace_bytes,
                                                      .run = run<Tile128x16>,
                                                      .launches = gathering_launches};

}  // namespace sf::SF_DEVICE_NS
