// Vectors of channels.
#include "kernels/batch_norm/training.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/batch_norm/training_backward_cpu.cpp"
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

// dy where the activation passed it; keeps the gradient of a NaN.
template <class D, class V, class T>
HWY_INLINE V through_relu(D d, V dy, const T* y) {
  return hn::IfThenZeroElse(hn::Le(load(d, y), hn::Zero(d)), dy);
}

// `mean` is that of the block's split; `partial`: the sums of g, then of g (x - mean).
template <class T>
void sum_gradients_of(const BatchNormTrainingProblem& p, const BatchNormBackwardSumsArgs& a,
                      const PixelBlock& block, const double* mean, double* partial) {
  double *sums = partial, *products = partial + p.c;
  std::fill_n(partial, 2 * p.c, 0.0);
  const bool relu = p.activation == Activation::relu, residual = p.residual;
  const int64_t x_pitch = p.x_pitch, y_pitch = p.y_pitch, dy_pitch = p.dy_pitch,
                residual_pitch = p.residual_pitch;
  for_pixel_groups(block.count, p.c, [&](const PixelGroup& group) HWY_ATTR {
    const int64_t first = block.first + group.first;
    const T* const x0 = static_cast<const T*>(a.x) + first * x_pitch;
    const T* const dy0 = static_cast<const T*>(a.dy) + first * dy_pitch;
    const T* const y0 = advance(static_cast<const T*>(a.y), first * y_pitch);
    T* const dresidual0 = advance(static_cast<T*>(a.dresidual), first * residual_pitch);
    for_double_lanes(p.c, [&, streams = group.streams, rows = group.rows,
                           distance = group.distance](auto d, int64_t i) HWY_ATTR {
      const hn::Rebind<float, decltype(d)> df;
      const auto centre = hn::LoadU(d, mean + i);
      auto sum = hn::LoadU(d, sums + i), product = hn::LoadU(d, products + i);
      for (int stream = 0; stream < streams; ++stream) {
        for (int row = 0; row < rows; ++row) {
          const int64_t pixel = stream * distance + row;
          auto g = load(df, dy0 + pixel * dy_pitch + i);
          if (relu) g = through_relu(df, g, y0 + pixel * y_pitch + i);
          if (residual) store(g, df, dresidual0 + pixel * residual_pitch + i);
          const auto gradient = hn::PromoteTo(d, g);
          const auto deviation = hn::Sub(load_doubles(d, x0 + pixel * x_pitch + i), centre);
          sum = hn::Add(sum, gradient);
          product = hn::MulAdd(gradient, deviation, product);
        }
      }
      hn::StoreU(sum, d, sums + i);
      hn::StoreU(product, d, products + i);
    });
  });
}

void sum_gradients(const BatchNormTrainingProblem& p, const BatchNormBackwardSumsArgs& a,
                   const PixelBlock& block, const double* mean, double* partial) {
  with_lanes(p.dtype, [&](auto t) { sum_gradients_of<decltype(t)>(p, a, block, mean, partial); });
}

// The constants of one split lie behind each other: c centres, scales, slopes, shifts.
template <class T>
void apply_gradients_of(const BatchNormTrainingProblem& p, const BatchNormBackwardApplyArgs& a,
                        const PixelBlock& block, const float* constants) {
  const float *centre = constants, *scale = centre + p.c, *slope = scale + p.c,
              *shift = slope + p.c;
  const bool relu = p.activation == Activation::relu;
  for (int64_t pixel = block.first; pixel < block.first + block.count; ++pixel) {
    const T* x = static_cast<const T*>(a.x) + pixel * p.x_pitch;
    const T* y = advance(static_cast<const T*>(a.y), pixel * p.y_pitch);
    const T* dy = static_cast<const T*>(a.dy) + pixel * p.dy_pitch;
    T* dx = static_cast<T*>(a.dx) + pixel * p.dx_pitch;
    for_lanes(p.c, [&](auto d, int64_t i) HWY_ATTR {
      auto g = load(d, dy + i);
      if (relu) g = through_relu(d, g, y + i);
      const auto centred = hn::Sub(load(d, x + i), load(d, centre + i));
      const auto part = hn::MulAdd(centred, load(d, slope + i), load(d, shift + i));
      store(hn::MulAdd(g, load(d, scale + i), part), d, dx + i);
    });
  }
}

void apply_gradients(const BatchNormTrainingProblem& p, const BatchNormBackwardApplyArgs& a,
                     const PixelBlock& block, const float* constants) {
  with_lanes(p.dtype, [&](auto t) { apply_gradients_of<decltype(t)>(p, a, block, constants); });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(sum_gradients);
HWY_EXPORT(apply_gradients);

bool can_run(const BatchNormTrainingProblem& p) { return has_lanes(p.dtype); }

size_t sums_bytes(const BatchNormTrainingProblem& p, void*) { return sums_workspace_bytes(p); }

void run_sums(const BatchNormTrainingProblem& p, const BatchNormBackwardSumsArgs& a, void*,
              void* workspace, Queue) {
  *a.count = double(p.count());
  sum_in_blocks(p, static_cast<double*>(workspace), a.sums,
                [&](const PixelBlock& block, double* partial) {
                  const double* mean = a.mean + int64_t{block.split} * p.c;
                  HWY_DYNAMIC_DISPATCH(sum_gradients)(p, a, block, mean, partial);
                });
}

size_t apply_bytes(const BatchNormTrainingProblem& p, void*) {
  return 4 * size_t(p.splits) * size_t(p.c) * sizeof(float);
}

void run_apply(const BatchNormTrainingProblem& p, const BatchNormBackwardApplyArgs& a, void*,
               void* workspace, Queue) {
  auto* constants = static_cast<float*>(workspace);
  for (int split = 0; split < p.splits; ++split)
    for (int i = 0; i < p.c; ++i) {
      const auto gradient = norm_gradient<float>(p, a, int64_t{split} * p.c + i);
      float* to = constants + int64_t{4} * split * p.c + i;
      to[0] = gradient.centre, to[p.c] = gradient.scale;
      to[2 * p.c] = gradient.slope, to[3 * p.c] = gradient.shift;
    }
  const PixelBlocks blocks(p, 1 << 14);
  parallel_for(blocks.size(), 1, [&](int64_t i) {
    const PixelBlock block = blocks[i];
    HWY_DYNAMIC_DISPATCH(apply_gradients)(p, a, block, constants + int64_t{4} * block.split * p.c);
  });
}

}  // namespace

extern constinit const BatchNormBackwardSumsKernel kBatchNormBackwardSumsChannelVectors{
    .name = "channel_vectors", .can_run = can_run, .workspace_bytes = sums_bytes, .run = run_sums};
extern constinit const BatchNormBackwardApplyKernel kBatchNormBackwardApplyChannelVectors{
    .name = "channel_vectors",
    .can_run = can_run,
    .workspace_bytes = apply_bytes,
    .run = run_apply};

}  // namespace sf
#endif  // HWY_ONCE
