#include "layers/residual.h"

#include <algorithm>

#include "autograd/ops/dropout.h"
#include "autograd/ops/pointwise.h"

namespace sf {
namespace {

Init final_gamma(const ResidualOptions& o) {
  return o.zero_final_bn ? Init::zeros() : Init::ones();
}
Init final_weight(const ResidualOptions& o) {
  return o.zero_final_conv ? Init::zeros() : Init::msra();
}

class Bottleneck : public ResidualBranch {
 public:
  Bottleneck(Module& parent, std::string_view name, const ResidualOptions& o)
      : ResidualBranch(parent, name),
        a_(*this, "a",
           {.in = o.in,
            .out = o.inner,
            .kernel = {o.temporal_kernel, 1, 1},
            .params = {.stride = {1, a_stride(o), a_stride(o)},
                       .pad = {o.temporal_kernel / 2, 0, 0}}}),
        a_bn_(*this, "a_bn", o.inner),
        b_(*this, "b",
           {.in = o.inner,
            .out = o.inner,
            .kernel = {1, 3, 3},
            .params = {.stride = {1, o.stride / a_stride(o), o.stride / a_stride(o)},
                       .pad = {0, o.dilation, o.dilation},
                       .dilation = {1, o.dilation, o.dilation},
                       .groups = o.groups}}),
        b_bn_(*this, "b_bn", o.inner),
        c_(*this, "c", {.in = o.inner, .out = o.out, .init = final_weight(o)}),
        c_bn_(*this, "c_bn", o.out, final_gamma(o)) {}

  Value operator()(Value x) const override {
    Graph::Scope scope(x.graph(), name());
    Value y = relu(a_bn_(a_(x)));
    y = relu(b_bn_(b_(y)));
    return c_bn_(c_(y));
  }

 private:
  static int a_stride(const ResidualOptions& o) { return o.stride_1x1 ? o.stride : 1; }

  Conv3d a_;
  BatchNorm a_bn_;
  Conv3d b_;
  BatchNorm b_bn_;
  Conv3d c_;
  BatchNorm c_bn_;
};

class BasicBranch : public ResidualBranch {
 public:
  BasicBranch(Module& parent, std::string_view name, const ResidualOptions& o)
      : ResidualBranch(parent, name),
        a_(*this, "a",
           {.in = o.in,
            .out = o.out,
            .kernel = {o.temporal_kernel, 3, 3},
            .params = {.stride = {1, o.stride, o.stride}, .pad = {o.temporal_kernel / 2, 1, 1}}}),
        a_bn_(*this, "a_bn", o.out),
        b_(*this, "b",
           {.in = o.out,
            .out = o.out,
            .kernel = {1, 3, 3},
            .params = {.pad = {0, 1, 1}},
            .init = final_weight(o)}),
        b_bn_(*this, "b_bn", o.out, final_gamma(o)) {}

  Value operator()(Value x) const override {
    Graph::Scope scope(x.graph(), name());
    return b_bn_(b_(relu(a_bn_(a_(x)))));
  }

 private:
  Conv3d a_;
  BatchNorm a_bn_;
  Conv3d b_;
  BatchNorm b_bn_;
};

std::unique_ptr<ResidualBranch> make_branch(Module& parent, const ResidualOptions& o) {
  if (o.transform == "bottleneck_transform")
    return std::make_unique<Bottleneck>(parent, "branch2", o);
  if (o.transform == "basic_transform") return std::make_unique<BasicBranch>(parent, "branch2", o);
  throw Error(cat("RESNET.TRANS_FUNC: wanted bottleneck_transform or basic_transform, found '",
                  o.transform, "'"));
}

}  // namespace

ResidualBlock::ResidualBlock(Module& parent, std::string_view name, const ResidualOptions& o)
    : Module(parent, name), drop_connect_(o.drop_connect) {
  if (o.in != o.out || o.stride != 1) {
    branch1_ = std::make_unique<Conv3d>(
        *this, "branch1",
        Conv3d::Options{.in = o.in, .out = o.out, .params = {.stride = {1, o.stride, o.stride}}});
    branch1_bn_ = std::make_unique<BatchNorm>(*this, "branch1_bn", o.out);
  }
  branch2_ = make_branch(*this, o);
}

Value ResidualBlock::operator()(Value x) const {
  Graph::Scope scope(x.graph(), name());
  const Value shortcut = branch1_ ? (*branch1_bn_)((*branch1_)(x)) : x;
  Value residual = (*branch2_)(x);
  if (x.graph().training()) {
    Graph::Scope drop(x.graph(), "drop_connect");
    residual = drop_connect(residual, drop_connect_, random_state(x.graph()));
  }
  return relu(add(residual, shortcut));
}

ResidualStage::ResidualStage(Module& stage, int pathway, const Options& options) {
  const auto& kernels = options.temporal_kernels;
  for (size_t i = 0; i < kernels.size(); ++i) {
    ResidualOptions o = options.block;
    o.temporal_kernel = kernels[i];
    if (i > 0) {
      o.in = o.out;
      o.stride = 1;
    }
    blocks_.push_back(
        std::make_unique<ResidualBlock>(stage, cat("pathway", pathway, "_res", i), o));
    nonlocal_.emplace_back();
    if (std::ranges::count(options.nonlocal_blocks, int(i)) == 0) continue;
    NonLocal::Options n = options.nonlocal;
    n.channels = o.out;
    nonlocal_.back() =
        std::make_unique<NonLocal>(stage, cat("pathway", pathway, "_nonlocal", i), n);
  }
}

Value ResidualStage::operator()(Value x) const {
  for (size_t i = 0; i < blocks_.size(); ++i) {
    x = (*blocks_[i])(x);
    if (nonlocal_[i]) x = (*nonlocal_[i])(x);
  }
  return x;
}

}  // namespace sf
