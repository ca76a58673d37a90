#include "layers/lateral_fusion.h"

#include "autograd/ops/concat.h"
#include "autograd/ops/pointwise.h"

namespace sf {

FuseFastToSlow::FuseFastToSlow(Module& parent, std::string_view name, const Options& o)
    : Module(parent, name),
      conv_f2s_(*this, "conv_f2s",
                {.in = o.fast_channels,
                 .out = o.fast_channels * o.channel_ratio,
                 .kernel = {o.kernel, 1, 1},
                 .params = {.stride = {o.alpha, 1, 1}, .pad = {o.kernel / 2, 0, 0}}}),
      bn_(*this, "bn", o.fast_channels * o.channel_ratio) {}

Value FuseFastToSlow::operator()(Value slow, Value fast) const {
  Graph::Scope scope(slow.graph(), name());
  const Value fused = relu(bn_(conv_f2s_(fast)));
  SF_CHECK(fused.shape()[1] == slow.shape()[1], path("conv_f2s"), ": gives ", fused.shape()[1],
           " frames where the slow pathway has ", slow.shape()[1],
           "; DATA.NUM_FRAMES, SLOWFAST.ALPHA and SLOWFAST.FUSION_KERNEL_SZ do not fit together");
  return concat({slow, fused});
}

}  // namespace sf
