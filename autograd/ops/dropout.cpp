#include "autograd/ops/dropout.h"

#include "autograd/ops/lower.h"
#include "kernels/base/counter_rng.h"
#include "kernels/dropout/dropout.h"

namespace sf {
namespace {

class DropoutOp : public Op {  // inputs: x, seed, step
 public:
  DropoutOp(double rate, bool by_sample, uint64_t stream, int rank)
      : rate_(rate), by_sample_(by_sample), stream_(stream), rank_(rank) {}
  std::string_view name() const override { return by_sample_ ? "drop_connect" : "dropout"; }
  bool takes_pitch(const OpSite&) const override { return true; }
  Precision precision() const override { return Precision::given; }
  bool may_be_half(size_t input) const override { return input == 0; }
  std::optional<int> reuses_input() const override { return 0; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    for (const TensorType& number : in.subspan(1))
      SF_CHECK(number == (TensorType{{1}, DType::i64}), name(),
               ": wants one i64 as seed and step, found ", number);
    return {in[0]};
  }

  Lowered lower(const OpSite& site) const override {
    const Shape& x = site.in[0].type.shape;
    const DropoutProblem p{.dtype = site.in[0].type.dtype,
                           .pixels = x.pixels(),
                           .c = int(x.channels()),
                           .rate = rate_,
                           .draw_pixels = by_sample_ ? x.pixels() / x[0] : 0,
                           .stream = stream_,
                           .first_pixel = rank_ * x.pixels(),
                           .x_pitch = site.in[0].pitch,
                           .y_pitch = site.out[0].pitch};
    const auto args = [](const Binding& b) {
      return DropoutArgs{.x = b.in[0].data,
                         .seed = reinterpret_cast<const int64_t*>(b.in[1].data),
                         .step = reinterpret_cast<const int64_t*>(b.in[2].data),
                         .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(dropout_kernels(site.backend), p, name()), p, site, args);
  }

  // The same draws on the gradient.
  std::vector<Value> grad(const GradSite& site) const override {
    std::vector<Value> grads(3);
    grads[0] = site.in[0].graph().apply1(std::make_shared<DropoutOp>(*this),
                                         {site.out_grad[0], site.in[1], site.in[2]});
    return grads;
  }

 private:
  double rate_;
  bool by_sample_;
  uint64_t stream_;
  int rank_;
};

Value drop(Value x, double rate, bool by_sample, const RandomState& random) {
  SF_CHECK(rate >= 0 && rate < 1, by_sample ? "drop_connect" : "dropout",
           ": wanted a rate from 0 to below 1, found ", rate);
  if (rate == 0) return x;
  const uint64_t stream = fnv1a64(x.graph().scope());
  return x.graph().apply1(std::make_shared<DropoutOp>(rate, by_sample, stream, random.rank),
                          {x, random.seed, random.step});
}

}  // namespace

RandomState random_state(Graph& graph) {
  const TrainingRules* rules = graph.training();
  SF_CHECK(rules && rules->seed && rules->step, "dropout: wanted a graph for training with a seed");
  return {graph.state(rules->seed, "seed", true), graph.state(rules->step, "step", true),
          rules->rank};
}

Value dropout(Value x, double rate, const RandomState& random) {
  return drop(x, rate, false, random);
}
Value drop_connect(Value x, double rate, const RandomState& random) {
  return drop(x, rate, true, random);
}

}  // namespace sf
