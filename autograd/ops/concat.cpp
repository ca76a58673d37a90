#include "autograd/ops/concat.h"

#include "autograd/ops/constant.h"
#include "autograd/ops/lower.h"
#include "kernels/concat/concat.h"

namespace sf {
namespace {

class ConcatOp : public Op {
 public:
  std::string_view name() const override { return "concat"; }
  bool cheap() const override { return true; }
  Precision precision() const override { return Precision::given; }
  bool inputs_live_in_output() const override { return true; }
  bool takes_pitch(const OpSite&) const override { return true; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    Shape joined = in[0].shape;
    for (const TensorType& next : in.subspan(1)) {
      Shape alike = next.shape;
      SF_CHECK(alike.rank() == joined.rank() && alike.rank() > 0 && next.dtype == in[0].dtype,
               "concat: ", in[0], " against ", next);
      alike.set(-1, joined[-1]);
      SF_CHECK(alike == joined, "concat: ", in[0], " against ", next);
      joined.set(-1, joined[-1] + next.shape[-1]);
    }
    return {{joined, in[0].dtype}};
  }

  std::vector<Value> grad(const GradSite& site) const override {
    std::vector<Value> grads;
    int64_t channel = 0;
    for (size_t i = 0; i < site.in.size(); ++i) {
      const int64_t count = site.in[i].shape().channels();
      grads.push_back(site.needed[i] ? slice_channels(site.out_grad[0], channel, count) : Value{});
      channel += count;
    }
    return grads;
  }

  Lowered lower(const OpSite& site) const override {
    struct Part {
      const CopyKernel* kernel;
      CopyProblem problem;
      size_t input, offset;
    };
    const auto& out = site.out[0];
    std::vector<Part> parts;  // those that do not lie where they belong already
    size_t offset = 0;
    for (size_t i = 0; i < site.in.size(); ++i) {
      const auto& in = site.in[i];
      const CopyProblem p{.dtype = in.type.dtype,
                          .pixels = in.type.shape.pixels(),
                          .c = int(in.type.shape.channels()),
                          .x_pitch = in.pitch,
                          .y_pitch = out.pitch};
      if (!in.lies_in(out, offset))
        parts.push_back({&best_kernel(copy_kernels(site.backend), p, name()), p, i, offset});
      offset += size_t(p.c) * size_of(p.dtype);
    }
    Lowered lowered;
    lowered.kernel = parts.empty() ? "in_place" : parts[0].kernel->name;
    lowered.launches = int(parts.size());
    lowered.run = [parts](const Binding& b, Queue queue) {
      for (const Part& part : parts)
        part.kernel->run(part.problem,
                         {.x = b.in[part.input].data, .y = b.out[0].data + part.offset}, nullptr,
                         nullptr, queue);
    };
    return lowered;
  }
};

class SliceChannelsOp : public Op {
 public:
  SliceChannelsOp(int64_t begin, int64_t count) : begin_(begin), count_(count) {}
  std::string_view name() const override { return "slice_channels"; }
  bool cheap() const override { return true; }
  Precision precision() const override { return Precision::given; }
  bool takes_pitch(const OpSite&) const override { return true; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    SF_CHECK(begin_ >= 0 && count_ >= 0 && begin_ + count_ <= in[0].shape.channels(),
             "slice_channels: wanted channels ", begin_, " to ", begin_ + count_, ", found ",
             in[0]);
    Shape y = in[0].shape;
    y.set(-1, count_);
    return {{y, in[0].dtype}};
  }

  std::vector<Value> grad(const GradSite& site) const override {
    const Value dy = site.out_grad[0];
    const auto zeros = [&](int64_t channels) {
      Shape s = dy.shape();
      s.set(-1, channels);
      return constant(dy.graph(), {s, dy.type().dtype}, 0);
    };
    const int64_t behind = site.in[0].shape().channels() - begin_ - count_;
    std::vector<Value> parts{dy};
    if (begin_ > 0) parts.insert(parts.begin(), zeros(begin_));
    if (behind > 0) parts.push_back(zeros(behind));
    return {concat(parts)};
  }

  Lowered lower(const OpSite& site) const override {
    const auto& x = site.in[0];
    const CopyProblem p{.dtype = x.type.dtype,
                        .pixels = x.type.shape.pixels(),
                        .c = int(count_),
                        .x_pitch = x.pitch,
                        .y_pitch = site.out[0].pitch};
    const auto args = [offset = size_t(begin_) * size_of(x.type.dtype)](const Binding& b) {
      return CopyArgs{.x = b.in[0].data + offset, .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(copy_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  int64_t begin_, count_;
};

}  // namespace

Value slice_channels(Value x, int64_t begin, int64_t count) {
  return x.graph().apply1(std::make_shared<SliceChannelsOp>(begin, count), {x});
}

Value concat(const std::vector<Value>& values) {
  SF_CHECK(!values.empty(), "concat: wants at least one tensor");
  return values[0].graph().apply(std::make_shared<ConcatOp>(), values)[0];
}

}  // namespace sf
