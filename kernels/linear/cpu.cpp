// A dot product for each output value, whose order depends on its length alone: the scores of a
// clip are the same bits whatever clips are beside it, and in however many parts a batch is shared
// out. The weights of an output are read once, for all rows.
#include "kernels/base/element.h"
#include "kernels/linear/linear.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/linear/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/threads.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

// Four sums, none of which waits for another.
template <class T>
HWY_INLINE float dot(const T* x, const T* w, int64_t n) {
  const hn::ScalableTag<float> d;
  const auto lanes = int64_t(hn::Lanes(d));
  const auto add = [&](auto sum, int64_t i)
                       HWY_ATTR { return hn::MulAdd(load(d, x + i), load(d, w + i), sum); };
  auto a = hn::Zero(d), b = a, c = a, e = a;
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    a = add(a, i);
    b = add(b, i + lanes);
    c = add(c, i + 2 * lanes);
    e = add(e, i + 3 * lanes);
  }
  for (; i + lanes <= n; i += lanes) a = add(a, i);
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e))));
  for (; i < n; ++i) sum += float(x[i]) * float(w[i]);
  return sum;
}

template <class T>
void multiply(const LinearProblem& p, const LinearArgs& args) {
  constexpr int kOutputs = 4;  // of a chunk of work
  parallel_for(p.out, kOutputs, [&](int64_t o) HWY_ATTR {
    const T* w = static_cast<const T*>(args.w) + o * p.in;
    const float bias = p.bias ? static_cast<const float*>(args.bias)[o] : 0;
    for (int64_t row = 0; row < p.rows; ++row) {
      const float sum = dot(static_cast<const T*>(args.x) + row * p.x_pitch, w, p.in) + bias;
      static_cast<T*>(args.y)[row * p.y_pitch + o] = T(activate(p.activation, sum));
    }
  });
}

void multiply_f32(const LinearProblem& p, const LinearArgs& args) { multiply<float>(p, args); }
void multiply_bf16(const LinearProblem& p, const LinearArgs& args) { multiply<bf16>(p, args); }

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(multiply_f32);
HWY_EXPORT(multiply_bf16);

bool can_run(const LinearProblem& p) { return p.dtype == DType::f32 || p.dtype == DType::bf16; }

void run(const LinearProblem& p, const LinearArgs& args, void*, void*, Queue) {
  if (p.dtype == DType::f32)
    HWY_DYNAMIC_DISPATCH(multiply_f32)(p, args);
  else
    HWY_DYNAMIC_DISPATCH(multiply_bf16)(p, args);
}

}  // namespace

extern constinit const LinearKernel kLinearDots{.name = "dots", .can_run = can_run, .run = run};

}  // namespace sf
#endif  // HWY_ONCE
