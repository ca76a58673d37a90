// Vectors of channels.
#include "kernels/batch_norm/training.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/batch_norm/training_cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/element.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/pixels.h"
#include "kernels/batch_norm/pixel_blocks.h"
#include "kernels/batch_norm/training_affine.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

// `partial`: the sums, then the sums of squares.
template <class T>
void sum_pixels_of(const BatchNormTrainingProblem& p, const BatchNormSumsArgs& a,
                   const PixelBlock& block, double* partial) {
  double *sums = partial, *squares = partial + p.c;
  std::fill_n(partial, 2 * p.c, 0.0);
  const T* corner = static_cast<const T*>(a.x) + block.first * p.x_pitch;
  for_pixel_groups(block.count, p.c, [&](const PixelGroup& group) HWY_ATTR {
    const T* x = corner + group.first * p.x_pitch;
    for_double_lanes(p.c, [&](auto d, int64_t i) HWY_ATTR {
      auto sum = hn::LoadU(d, sums + i), square = hn::LoadU(d, squares + i);
      for (int stream = 0; stream < group.streams; ++stream) {
        const T* from = x + stream * group.distance * p.x_pitch + i;
        for (int row = 0; row < group.rows; ++row, from += p.x_pitch) {
          const auto value = load_doubles(d, from);
          sum = hn::Add(sum, value);
          square = hn::MulAdd(value, value, square);
        }
      }
      hn::StoreU(sum, d, sums + i);
      hn::StoreU(square, d, squares + i);
    });
  });
}

void sum_pixels(const BatchNormTrainingProblem& p, const BatchNormSumsArgs& a,
                const PixelBlock& block, double* partial) {
  with_lanes(p.dtype, [&](auto t) { sum_pixels_of<decltype(t)>(p, a, block, partial); });
}

// The constants of one split lie behind each other: c centres, scales, shifts.
template <class T>
void apply_pixels_of(const BatchNormTrainingProblem& p, const BatchNormApplyArgs& a,
                     const PixelBlock& block, const float* constants) {
  const float *centre = constants, *scale = centre + p.c, *shift = scale + p.c;
  const bool relu = p.activation == Activation::relu;
  for (int64_t pixel = block.first; pixel < block.first + block.count; ++pixel) {
    const T* x = static_cast<const T*>(a.x) + pixel * p.x_pitch;
    const T* residual = advance(static_cast<const T*>(a.residual), pixel * p.residual_pitch);
    T* y = static_cast<T*>(a.y) + pixel * p.y_pitch;
    for_lanes(p.c, [&](auto d, int64_t i) HWY_ATTR {
      const auto centred = hn::Sub(load(d, x + i), load(d, centre + i));
      auto value = hn::MulAdd(centred, load(d, scale + i), load(d, shift + i));
      if (p.residual) value = hn::Add(value, load(d, residual + i));
      if (relu) value = hn::IfThenZeroElse(hn::Lt(value, hn::Zero(d)), value);  // keeps NaN
      store(value, d, y + i);
    });
  }
}

void apply_pixels(const BatchNormTrainingProblem& p, const BatchNormApplyArgs& a,
                  const PixelBlock& block, const float* constants) {
  with_lanes(p.dtype, [&](auto t) { apply_pixels_of<decltype(t)>(p, a, block, constants); });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(sum_pixels);
HWY_EXPORT(apply_pixels);

bool can_run(const BatchNormTrainingProblem& p) { return has_lanes(p.dtype); }

size_t sums_bytes(const BatchNormTrainingProblem& p, void*) { return sums_workspace_bytes(p); }

void run_sums(const BatchNormTrainingProblem& p, const BatchNormSumsArgs& a, void*, void* workspace,
              Queue) {
  *a.count = double(p.count());
  sum_in_blocks(p, static_cast<double*>(workspace), a.sums,
                [&](const PixelBlock& block, double* partial) {
                  HWY_DYNAMIC_DISPATCH(sum_pixels)(p, a, block, partial);
                });
}

size_t apply_bytes(const BatchNormTrainingProblem& p, void*) {
  return 3 * size_t(p.splits) * size_t(p.c) * sizeof(float);
}

void run_apply(const BatchNormTrainingProblem& p, const BatchNormApplyArgs& a, void*,
               void* workspace, Queue) {
  auto* constants = static_cast<float*>(workspace);
  for (int split = 0; split < p.splits; ++split)
    for (int i = 0; i < p.c; ++i) {
      const auto affine = norm_affine<float>(p, a, int64_t{split} * p.c + i);
      float* to = constants + int64_t{3} * split * p.c + i;
      to[0] = affine.centre, to[p.c] = affine.scale, to[2 * p.c] = affine.shift;
    }
  const PixelBlocks blocks(p, 1 << 14);
  parallel_for(blocks.size(), 1, [&](int64_t i) {
    const PixelBlock block = blocks[i];
    HWY_DYNAMIC_DISPATCH(apply_pixels)(p, a, block, constants + int64_t{3} * block.split * p.c);
  });
}

}  // namespace

extern constinit const BatchNormSumsKernel kBatchNormSumsChannelVectors{
    .name = "channel_vectors", .can_run = can_run, .workspace_bytes = sums_bytes, .run = run_sums};
extern constinit const BatchNormApplyKernel kBatchNormApplyChannelVectors{
    .name = "channel_vectors",
    .can_run = can_run,
    .workspace_bytes = apply_bytes,
    .run = run_apply};

}  // namespace sf
#endif  // HWY_ONCE
