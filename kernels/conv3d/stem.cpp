// Windows over few input channels, in vectors of neighbouring outputs of a row.
#include <algorithm>
#include <span>

#include "kernels/base/state_row.h"
#include "kernels/conv3d/conv3d.h"
#include "kernels/conv3d/stem_strips.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv3d/stem.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/conv3d/panel_product-inl.h"
#include "kernels/conv3d/stem_planes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

constexpr int kChannels = StemStrips::kChannels;

// Sums of two vectors of outputs fill the registers where those are 32.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM
constexpr int kPixelVectors = 2;
#else
constexpr int kPixelVectors = 1;
#endif

// Sums of kVectors vectors of outputs of a row from column w on, for kChannels channels `pitch`
// apart, over what they see in some frames. Weights: [frame][value of the window][channel].
template <int kVectors, class D>
HWY_INLINE void sum_outputs(D d, std::span<const float* const> corners, std::span<const int> window,
                            const float* HWY_RESTRICT weights, int64_t w, float* sums,
                            int64_t pitch) {
  const auto lanes = int64_t(hn::Lanes(d));
  hn::Vec<D> sum[kChannels][kVectors];
#pragma GCC unroll 8
  for (int k = 0; k < kChannels; ++k)
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) sum[k][i] = hn::Zero(d);
  for (const float* corner : corners)
    for (const int offset : window) {
      const float* from = corner + w + offset;
      hn::Vec<D> x[kVectors];
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; ++i) x[i] = hn::LoadU(d, from + i * lanes);
#pragma GCC unroll 8
      for (int k = 0; k < kChannels; ++k) {
        const auto weight = hn::Set(d, weights[k]);
#pragma GCC unroll 4
        for (int i = 0; i < kVectors; ++i) sum[k][i] = hn::MulAdd(weight, x[i], sum[k][i]);
      }
      weights += kChannels;
    }
#pragma GCC unroll 8
  for (int k = 0; k < kChannels; ++k)
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) hn::StoreU(sum[k][i], d, sums + k * pitch + w + i * lanes);
}

// The tasks of one thread, x and y of type T.
template <class T>
class StemTask {
 public:
  StemTask(const Conv3dProblem& p, const Conv3dArgs& args, const StemStrips& strips, float* memory)
      : p_(p),
        strips_(strips),
        out_w_(p.out_w()),
        x_(static_cast<const T*>(args.x)),
        weights_(static_cast<const float*>(args.w)),
        store_(p, args),
        ring_(memory),
        sums_(ring_ + p.kt * strips.frame_floats) {}

  void run(int64_t task) {
    clip_ = task / strips_.strips / strips_.spans;
    first_row_ = int(task % strips_.strips) * strips_.rows;
    const int last_row = std::min(first_row_ + strips_.rows, p_.out_h());
    const int first = int(task / strips_.strips % strips_.spans) * strips_.span;
    const int last = std::min(first + strips_.span, p_.out_t());
    int next = in_frame(first);  // the first one that is not in the ring
    for (int t = first; t < last; ++t) {
      const int end = in_frame(t) + p_.kt;
      for (next = std::max(next, in_frame(t)); next < end; ++next) split(next, in_ring(next));
      for (int h = first_row_; h < last_row; ++h)
        for (int k = 0; k < p_.k; k += kChannels) run_row(t, h, k);
    }
  }

 private:
  using D = WideLanes;
  static constexpr int kRowsAhead = 4;  // that are brought near while others are split

  // The first frame of x that output frame t sees; it may be padding.
  int in_frame(int t) const { return t * p_.stride[0] - p_.pad[0]; }
  float* in_ring(int frame) const {
    return ring_ + (frame + p_.pad[0]) % p_.kt * strips_.frame_floats;
  }
  // The corner of the windows of output row h.
  const float* corner(const float* frame, int h) const {
    return frame + int64_t{h - first_row_} * p_.stride[1] * strips_.row_floats;
  }
  const float* weights(int k, int frame) const {
    return weights_ +
           (int64_t{k} * p_.kt + int64_t{frame} * kChannels) * std::ssize(strips_.window);
  }

  // The strip's rows of a frame, with zeros around x.
  void split(int frame, float* to) const {
    const int first = first_row_ * p_.stride[1] - p_.pad[1];
    for (int h = first; h < first + strips_.in_rows; ++h) {
      if (const T* coming = in_row(frame, h + kRowsAhead)) prefetch(coming);
      const T* row = in_row(frame, h);
      for (int phase = 0; phase < p_.stride[2]; ++phase, to += p_.c * strips_.pitch)
        if (row)
          split_row(p_, p_.stride[2], row, phase - p_.pad[2], strips_.pitch, sums_, to);
        else
          std::fill_n(to, p_.c * strips_.pitch, 0.F);
    }
  }

  // Null outside x.
  const T* in_row(int frame, int h) const {
    if (frame < 0 || frame >= p_.t || h < 0 || h >= p_.h) return nullptr;
    return x_ + ((clip_ * p_.t + frame) * p_.h + h) * p_.w * p_.x_pitch;
  }
  void prefetch(const T* row) const {
    constexpr int64_t kLine = 64 / sizeof(T);
    for (int64_t i = 0; i < p_.w * p_.x_pitch; i += kLine) hwy::Prefetch(row + i);
  }

  void run_row(int t, int h, int k) const {
    // Frames that are padding are left out.
    const int begin = std::clamp(-in_frame(t), 0, p_.kt);
    const int end = std::clamp(p_.t - in_frame(t), begin, p_.kt);
    const float* corners[StemStrips::kMostTaps];
    for (int i = begin; i < end; ++i) corners[i] = corner(in_ring(in_frame(t) + i), h);
    sum_row({corners + begin, corners + end}, weights(k, begin), sums_);
    store_row(sums_, t, h, k);
  }

  HWY_NOINLINE void sum_row(std::span<const float* const> corners, const float* weights,
                            float* sums) const {
    const D d;
    const auto lanes = int64_t(hn::Lanes(d));
    int64_t w = 0;
    for (; w + (kPixelVectors - 1) * lanes < out_w_; w += kPixelVectors * lanes)
      sum_outputs<kPixelVectors>(d, corners, strips_.window, weights, w, sums, strips_.pitch);
    if (w < out_w_) sum_outputs<1>(d, corners, strips_.window, weights, w, sums, strips_.pitch);
  }

  // Sums of kChannels channels from k on to their places in y.
  void store_row(const float* sums, int t, int h, int k) const {
    const int64_t row = (clip_ * p_.out_t() + t) * p_.out_h() + h;
    store_pixels(sums, strips_.pitch, out_w_, store_.at(row * out_w_, k));
  }

  const Conv3dProblem& p_;
  const StemStrips& strips_;
  const int64_t out_w_;
  const T* x_;
  const float* weights_;
  OutputStore<T> store_;
  float *ring_, *sums_;
  int64_t clip_ = 0;
  int first_row_ = 0;
};

void run_tasks(const Conv3dProblem& p, const Conv3dArgs& args, const StemStrips& strips,
               void* workspace) {
  with_lanes(p.dtype, [&](auto type) HWY_ATTR {
    parallel_for_slots(strips.tasks(p.n), strips.slots, [&](int64_t slot, int64_t i) HWY_ATTR {
      float* memory = strips.memory().of(slot, workspace);
      StemTask<decltype(type)>(p, args, strips, memory).run(i);
    });
  });
}

// [kChannels channels][frame][value of the window][channel].
void pack_weights(const Conv3dProblem& p, const StemStrips& strips, const void* weights,
                  float* packed) {
  const int64_t values = p.kt * std::ssize(strips.window);
  with_lanes(p.dtype, [&](auto type) {
    const auto* from = static_cast<const decltype(type)*>(weights);
    for (int64_t k = 0; k < p.k; ++k)
      for (int64_t i = 0; i < values; ++i)
        packed[(k / kChannels * values + i) * kChannels + k % kChannels] =
            float(from[k * values + i]);
  });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {

extern const Conv3dKernel kConv3dOneDnn;

namespace {

HWY_EXPORT(run_tasks);
HWY_EXPORT(pack_weights);

bool can_run(const Conv3dProblem& p) {
  return has_lanes(p.dtype) && !p.sums && p.groups == 1 && p.c <= 4 &&
         p.k % StemStrips::kChannels == 0 && p.kt <= StemStrips::kMostTaps && p.kh <= 7 &&
         p.kw <= 7 && p.dilation == std::array{1, 1, 1};
}

// By measuring (README.md): oneDNN leaves half of the lanes empty below 16 channels, and small
// windows are about bringing pixels to where they are multiplied.
bool worth(const Conv3dProblem& p) {
  return (p.k < 16 && p.kt * p.kh * p.kw * p.c >= 64) || !kConv3dOneDnn.can_run(p);
}

struct StemWork {
  Conv3dProblem problem;
  StemStrips strips;

  explicit StemWork(const Conv3dProblem& p) : problem(p), strips(p, max_threads()) {}

  size_t workspace_bytes() const { return strips.memory().bytes(strips.slots); }
  size_t packed_bytes() const {
    return size_t(int64_t{problem.k} * problem.kt * std::ssize(strips.window)) * sizeof(float);
  }
  void pack(const void* weights, void* packed) const {
    HWY_DYNAMIC_DISPATCH(pack_weights)(problem, strips, weights, static_cast<float*>(packed));
  }
  void run(const Conv3dArgs& args, void* workspace) const {
    HWY_DYNAMIC_DISPATCH(run_tasks)(problem, args, strips, workspace);
  }
};

}  // namespace

extern constinit const Conv3dKernel kConv3dStem =
    state_row<StemWork>(Conv3dKernel{.name = "stem", .can_run = can_run, .worth = worth});

}  // namespace sf
#endif  // HWY_ONCE
