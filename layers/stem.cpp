#include "layers/stem.h"

#include "autograd/ops/pointwise.h"
#include "autograd/ops/pool3d.h"

namespace sf {

ResNetStem::ResNetStem(Module& parent, std::string_view name, const Options& o)
    : Module(parent, name),
      conv_(*this, "conv",
            {.in = o.in,
             .out = o.out,
             .kernel = {o.temporal_kernel, 7, 7},
             .params = {.stride = {1, 2, 2}, .pad = {o.temporal_kernel / 2, 3, 3}}}),
      bn_(*this, "bn", o.out) {}

Value ResNetStem::operator()(Value x) const {
  Graph::Scope scope(x.graph(), name());
  Value y = relu(bn_(conv_(x)));
  Graph::Scope pool(x.graph(), "pool_layer");
  return max_pool3d(y, {.kernel = {1, 3, 3}, .stride = {1, 2, 2}, .pad = {0, 1, 1}});
}

}  // namespace sf
