// A thread the 2 x 2 pixels of a pair of chroma values.
#include <array>

#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/nv12/colour.h"
#include "kernels/nv12/nv12.h"

namespace sf {

SF_DEVICE_TABLE(Nv12Kernel, nv12_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = 128;

__global__ void __launch_bounds__(kThreads) nv12_kernel(Nv12Problem p, Nv12Args a) {
  const int x = 2 * (int(blockIdx.x) * kThreads + int(threadIdx.x)), y = 2 * int(blockIdx.y);
  if (x >= p.width) return;
  const ColourMatrix m = bt601(p.full_range);
  const uint8_t* pair = a.chroma + blockIdx.y * p.chroma_bytes + x;
  const Chroma chroma = chroma_of(m, pair[0], pair[1]);
  const int rows = minimum(2, p.height - y), columns = minimum(2, p.width - x);
  for (int i = y; i < y + rows; ++i)
    for (int j = x; j < x + columns; ++j)
      write_pixel(m, a.luma[i * p.luma_bytes + j], chroma, a.rgb + i * p.rgb_bytes + 3 * j);
}

// The grid has at most 65535 blocks along y.
bool can_run(const Nv12Problem& p) { return p.height <= 2 * 65535; }

void run(const Nv12Problem& p, const Nv12Args& a, void*, void*, Queue queue) {
  const dim3 grid(unsigned(ceil_div((p.width + 1) / 2, kThreads)), unsigned((p.height + 1) / 2));
  launch(nv12_kernel, grid, kThreads, 0, queue, p, a);
}

}  // namespace

std::span<const Nv12Kernel> nv12_kernels() {
  static constexpr std::array rows{Nv12Kernel{.name = "squares", .can_run = can_run, .run = run}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
