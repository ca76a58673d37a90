#include "autograd/ops/sum_pairs.h"

#include <bit>

#include "autograd/ops/lower.h"
#include "kernels/pointwise/pointwise.h"

namespace sf {
namespace {

// The sum of some of the parts of x, each of `bytes`, in memory of its own or, of one part, there.
struct PairSum {
  const std::byte* x;
  std::byte *y, *scratch;  // the latter for a part at each depth below the first
  size_t bytes;
  const std::function<void(const void* a, const void* b, void* sum)>& add;

  const std::byte* operator()(int64_t first, int64_t last, size_t depth = 0) const {
    if (last - first == 1) return x + size_t(first) * bytes;
    const int64_t middle = first + (last - first) / 2;
    const std::byte* a = (*this)(first, middle, depth);
    const std::byte* b = (*this)(middle, last, depth + 1);
    std::byte* sum = depth == 0 ? y : scratch + (depth - 1) * bytes;
    add(a, b, sum);
    return sum;
  }
};

class SumPairsOp : public Op {
 public:
  explicit SumPairsOp(Shape to) : to_(to) {}
  std::string_view name() const override { return "sum_pairs"; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    const Shape& x = in[0].shape;
    SF_CHECK(x.rank() > 1 && x[0] > 1 && x.numel() == x[0] * to_.numel(),
             "sum_pairs: wants several tensors like ", to_, " in one, found ", x);
    return {{to_, in[0].dtype}};
  }

  Lowered lower(const OpSite& site) const override {
    const TensorType& y = site.out[0].type;
    const int64_t parts = site.in[0].type.shape[0], c = y.shape.channels();
    const BinaryProblem p{.dtype = y.dtype,
                          .kind = BinaryKind::add,
                          .pixels = y.shape.numel() / c,
                          .c = int(c),
                          .a_pitch = c,
                          .b_pitch = c,
                          .y_pitch = c};
    const auto& kernel = best_kernel(binary_kernels(site.backend), p, name());
    SF_CHECK(!kernel.prepare && !kernel.workspace_bytes,
             "sum_pairs: wanted an addition without a workspace, found ", kernel.name);
    Lowered lowered;
    lowered.kernel = kernel.name;
    lowered.launches = int(parts - 1) * (kernel.launches ? kernel.launches(p) : 1);
    const auto bytes = size_t(y.bytes());
    lowered.workspace_bytes = size_t(std::bit_width(uint64_t(parts - 1)) - 1) * bytes;
    lowered.run = [kernel, p, parts, bytes](const Binding& b, Queue queue) {
      const auto add = [&](const void* one, const void* other, void* sum) {
        kernel.run(p, {.a = one, .b = other, .y = sum}, nullptr, nullptr, queue);
      };
      PairSum{b.in[0].data, b.out[0].data, static_cast<std::byte*>(b.workspace), bytes,
              std::ref(add)}(0, parts);
    };
    return lowered;
  }

 private:
  Shape to_;
};

}  // namespace

Value sum_pairs(Value x, Shape to) {
  return x.graph().apply1(std::make_shared<SumPairsOp>(to), {x});
}

}  // namespace sf
