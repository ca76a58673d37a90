#include "autograd/ops/gradient_norm.h"

#include "autograd/ops/array_list.h"
#include "autograd/ops/concat.h"
#include "autograd/ops/lower.h"
#include "kernels/vector/vector.h"

namespace sf {
namespace {

VectorProblem vector_problem(const OpSite& site) {
  return {.dtype = site.in[0].type.dtype, .n = site.in[0].type.shape.numel()};
}

class SumOfSquaresOp : public Op {
 public:
  std::string_view name() const override { return "sum_of_squares"; }
  // The one value that it writes has no pitch.
  bool takes_pitch(const OpSite& site) const override {
    return std::ranges::all_of(site.in,
                               [](const auto& x) { return x.pitch == x.type.shape.channels(); });
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arrays(name(), in);
    return {{{1}, DType::f64}};
  }
  Lowered lower(const OpSite& site) const override {
    const ArraysProblem p{.dtype = site.in[0].type.dtype, .sizes = array_sizes(site.in)};
    const auto args = [](const Binding& b) {
      return SumOfSquaresArgs{.x = array_list<const void>(b.in),
                              .sum = reinterpret_cast<double*>(b.out[0].data)};
    };
    return lower_kernel(best_kernel(sum_of_squares_kernels(site.backend), p, name()), p, site,
                        args);
  }
};

class ClipNormOp : public Op {  // inputs: sums of squares, scale if there is one
 public:
  explicit ClipNormOp(double max_norm) : max_norm_(max_norm) {}
  std::string_view name() const override { return "clip_norm"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override {
    return {{{1}, DType::f64}, {{1}, DType::f64}};
  }
  Lowered lower(const OpSite& site) const override {
    const ClipNormProblem p{.sums = site.in[0].type.shape.numel(), .max_norm = max_norm_};
    const auto args = [](const Binding& b) {
      return ClipNormArgs{
          .squares = reinterpret_cast<const double*>(b.in[0].data),
          .scale = b.in.size() > 1 ? reinterpret_cast<const double*>(b.in[1].data) : nullptr,
          .norm = reinterpret_cast<double*>(b.out[0].data),
          .factor = reinterpret_cast<double*>(b.out[1].data)};
    };
    return lower_kernel(best_kernel(clip_norm_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  double max_norm_;
};

class ClampOp : public Op {
 public:
  explicit ClampOp(double limit) : limit_(limit) {}
  std::string_view name() const override { return "clamp"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }
  std::optional<int> reuses_input() const override { return 0; }
  Lowered lower(const OpSite& site) const override {
    const auto v = vector_problem(site);
    const ClampProblem p{.dtype = v.dtype, .n = v.n, .limit = limit_};
    const auto args = [](const Binding& b) {
      return ClampArgs{.x = b.in[0].data, .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(clamp_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  double limit_;
};

class ScaleOp : public Op {  // inputs: x, factor
 public:
  std::string_view name() const override { return "scale"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    SF_CHECK(in[1] == (TensorType{{1}, DType::f64}), "scale: wants a factor of f64, found ", in[1]);
    return {in[0]};
  }
  std::optional<int> reuses_input() const override { return 0; }
  Lowered lower(const OpSite& site) const override {
    const auto p = vector_problem(site);
    const auto args = [](const Binding& b) {
      return ScaleArgs{.x = b.in[0].data,
                       .factor = reinterpret_cast<const double*>(b.in[1].data),
                       .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(scale_kernels(site.backend), p, name()), p, site, args);
  }
};

class AccumulateOp : public Op {  // inputs: all x, all sums
 public:
  explicit AccumulateOp(size_t count) : count_(count) {}
  std::string_view name() const override { return "accumulate"; }
  std::vector<int> written_inputs() const override {
    std::vector<int> written;
    for (size_t i = 0; i < count_; ++i) written.push_back(int(count_ + i));
    return written;
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arrays(name(), in.first(count_));
    for (size_t i = 0; i < count_; ++i)
      SF_CHECK(in[i] == in[count_ + i], "accumulate: wants a sum ", in[i], ", found ",
               in[count_ + i]);
    return {};
  }
  Lowered lower(const OpSite& site) const override {
    const ArraysProblem p{.dtype = site.in[0].type.dtype,
                          .sizes = array_sizes(std::span(site.in).first(count_))};
    const auto args = [count = count_](const Binding& b) {
      return AccumulateArgs{.x = array_list<const void>(b.in.first(count)),
                            .y = array_list<void>(b.in.subspan(count))};
    };
    return lower_kernel(best_kernel(accumulate_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  size_t count_;
};

}  // namespace

Value sum_of_squares(std::span<const Value> x) {
  std::vector<Value> sums;
  for_array_parts(x, [&](std::span<const Value> part) {
    sums.push_back(part[0].graph().apply(std::make_shared<SumOfSquaresOp>(), part)[0]);
  });
  return sums.size() == 1 ? sums[0] : concat(sums);
}

GradientNorm gradient_norm(std::span<const Value> gradients, double max_norm, Value scale) {
  SF_CHECK(max_norm >= 0, "gradient_norm: wanted a limit of at least 0, found ", max_norm);
  std::vector<Value> in{sum_of_squares(gradients)};
  if (scale) in.push_back(scale);
  const auto result = in[0].graph().apply(std::make_shared<ClipNormOp>(max_norm), in);
  return {result[0], result[1]};
}

Value clamp(Value x, double limit) {
  SF_CHECK(limit > 0, "clamp: wanted a limit above 0, found ", limit);
  return x.graph().apply1(std::make_shared<ClampOp>(limit), {x});
}

Value scale(Value x, Value factor) {
  return x.graph().apply1(std::make_shared<ScaleOp>(), {x, factor});
}

void accumulate_into(std::span<const Value> x, std::span<const Value> sums) {
  SF_CHECK(x.size() == sums.size(), "accumulate: wanted ", x.size(), " sums, found ", sums.size());
  for (size_t at = 0; at < x.size(); at += kMostArrays) {
    const size_t count = std::min(x.size() - at, size_t{kMostArrays});
    std::vector<Value> in(x.begin() + at, x.begin() + at + count);
    in.insert(in.end(), sums.begin() + at, sums.begin() + at + count);
    in[0].graph().apply(std::make_shared<AccumulateOp>(count), in);
  }
}

}  // namespace sf
