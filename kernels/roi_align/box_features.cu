// A block has some channels of a clip, a thread one of them: their mean over time, in shared memory
// where that is large enough, then all boxes on it, whose bins the warps share out.
#include <array>

#include "kernels/base/device_table.h"
#include "kernels/roi_align/box_features.h"
#include "kernels/roi_align/weights_kernel.h"

namespace sf {

SF_DEVICE_TABLE(BoxFeaturesKernel, box_features_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kChannels = 32;  // of a block, a warp's
constexpr int kWarps = 8;
constexpr int kThreads = kChannels * kWarps;

SF_HOST_DEVICE int pixels(const RoiAlignProblem& p) { return p.h * p.w; }
SF_HOST_DEVICE int slices(const RoiAlignProblem& p) { return (p.c + kChannels - 1) / kChannels; }

// Of shared memory: a value a thread, and the means where they fit.
size_t shared_bytes(const RoiAlignProblem& p, bool means) {
  return sizeof(float) * size_t(kThreads + (means ? pixels(p) * kChannels : 0));
}
bool means_fit(const RoiAlignProblem& p) { return shared_bytes(p, true) <= size_t{48} << 10; }

SF_DEVICE float larger(float value, float largest) {
  return value > largest || value != value ? value : largest;  // NaN
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    box_features_kernel(BoxFeaturesProblem p, void* weights_memory, float* spare, const T* x,
                        T* y) {
  const int lane = int(threadIdx.x) % kChannels, warp = int(threadIdx.x) / kChannels;
  const int clip = int(blockIdx.x), c = int(blockIdx.y) * kChannels + lane, plane = pixels(p.roi);
  const bool exists = c < p.roi.c;
  auto* shared = dynamic_shared<float>();
  float* means = spare
                     ? spare + (int64_t{clip} * slices(p.roi) + int(blockIdx.y)) * plane * kChannels
                     : shared + kThreads;

  for (int pixel = warp; pixel < plane; pixel += kWarps) {
    float sum = 0;
    for (int t = 0; exists && t < p.t; ++t)
      sum += float(x[((int64_t{clip} * p.t + t) * plane + pixel) * p.roi.x_pitch + c]);
    means[pixel * kChannels + lane] = sum / float(p.t);
  }
  __syncthreads();

  const RoiWeights weights(p.roi, weights_memory);
  const int bins = p.roi.bins;
  for (int box = 0; box < p.roi.boxes; ++box) {
    const int picture = weights.picture(box);
    // Boxes of no clip are zeros, which the first clip writes.
    if ((picture < 0 ? 0 : picture) != clip) continue;
    float largest = float_of(0xFF800000);  // -inf
    for (int bin = warp; bin < bins * bins; bin += kWarps) {
      float sum = 0;
      for_pixels_of_bin(p.roi, weights, box, bin / bins, bin % bins,
                        [&](int64_t pixel, float weight) {
                          sum += weight * means[(pixel - int64_t{clip} * plane) * kChannels + lane];
                        });
      largest = larger(sum, largest);
    }
    shared[threadIdx.x] = largest;
    __syncthreads();
    if (warp == 0 && exists) {
      for (int k = 1; k < kWarps; ++k) largest = larger(shared[k * kChannels + lane], largest);
      y[box * p.roi.y_pitch + c] = T(largest);
    }
    __syncthreads();
  }
}

bool can_run(const BoxFeaturesProblem& p) {
  return is_storage(p.roi.dtype) && int64_t{p.roi.h} * p.roi.w * kChannels < int64_t{1} << 31 &&
         slices(p.roi) <= 65535;
}

size_t weights_bytes(const RoiAlignProblem& p) { return (RoiWeights::bytes(p) + 63) / 64 * 64; }

size_t workspace_bytes(const BoxFeaturesProblem& p, void*) {
  const int64_t means =
      means_fit(p.roi) ? 0 : int64_t{p.roi.n} * slices(p.roi) * pixels(p.roi) * kChannels;
  return weights_bytes(p.roi) + size_t(means) * sizeof(float);
}

void run(const BoxFeaturesProblem& p, const BoxFeaturesArgs& a, void*, void* workspace,
         Queue queue) {
  fill_weights(p.roi, a.boxes, workspace, queue);
  const bool fit = means_fit(p.roi);
  auto* spare = reinterpret_cast<float*>(static_cast<char*>(workspace) + weights_bytes(p.roi));
  with_storage(p.roi.dtype, [&](auto t) {
    using T = decltype(t);
    launch(box_features_kernel<T>, dim3(unsigned(p.roi.n), unsigned(slices(p.roi))), kThreads,
           shared_bytes(p.roi, fit), queue, p, workspace, fit ? nullptr : spare,
           static_cast<const T*>(a.x), static_cast<T*>(a.y));
  });
}

int launches(const BoxFeaturesProblem&) { return 2; }

}  // namespace

std::span<const BoxFeaturesKernel> box_features_kernels() {
  static constexpr std::array rows{BoxFeaturesKernel{.name = "channel_slices",
                                                     .can_run = can_run,
                                                     .workspace_bytes = workspace_bytes,
                                                     .run = run,
                                                     .launches = launches}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
