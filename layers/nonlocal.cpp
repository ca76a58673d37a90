#include "layers/nonlocal.h"

#include <cmath>

#include "autograd/ops/matmul.h"
#include "autograd/ops/pointwise.h"
#include "autograd/ops/pool3d.h"
#include "autograd/ops/reshape.h"
#include "autograd/ops/softmax.h"

namespace sf {

NonLocal::NonLocal(Module& parent, std::string_view name, const Options& o)
    : Module(parent, name),
      options_(o),
      theta_(*this, "conv_theta", {.in = o.channels, .out = o.channels / 2, .bias = true}),
      phi_(*this, "conv_phi", {.in = o.channels, .out = o.channels / 2, .bias = true}),
      g_(*this, "conv_g", {.in = o.channels, .out = o.channels / 2, .bias = true}),
      out_(*this, "conv_out", {.in = o.channels / 2, .out = o.channels, .bias = true}),
      bn_(*this, "bn", o.channels, o.zero_final_bn ? Init::zeros() : Init::ones()) {
  SF_CHECK(o.instantiation == "softmax" || o.instantiation == "dot_product",
           "NONLOCAL.INSTANTIATION: wanted softmax or dot_product, found '", o.instantiation, "'");
}

Value NonLocal::operator()(Value x) const {
  Graph::Scope scope(x.graph(), name());
  const Shape s = x.shape();
  const int64_t groups = options_.groups, inner = s.channels() / 2;
  SF_CHECK(s[1] % groups == 0, "NONLOCAL.GROUP: wanted a divisor of the ", s[1], " frames, found ",
           groups);
  Value y = x;
  if (groups > 1) y = reshape(y, {s[0] * groups, s[1] / groups, s[2], s[3], s[4]});
  Value keys = y;
  if (options_.pool != std::array{1, 1, 1}) {
    Graph::Scope pool(x.graph(), "pool");
    keys = max_pool3d(y, {.kernel = options_.pool, .stride = options_.pool});
  }

  // N T H W C read as N matrices of positions x channels.
  const Value theta = theta_(y), phi = phi_(keys), g = g_(keys);
  const int64_t key_count = keys.shape()[1] * keys.shape()[2] * keys.shape()[3];
  const bool softmaxed = options_.instantiation == "softmax";
  const double scale = softmaxed ? 1 / std::sqrt(double(inner)) : 1 / double(key_count);
  Value affinity;
  {
    Graph::Scope inner_scope(x.graph(), "affinity");
    affinity = matmul(theta, phi, {.transpose_b = true, .alpha = scale});
    if (softmaxed) affinity = softmax(affinity);
  }
  {
    Graph::Scope inner_scope(x.graph(), "mix");
    y = reshape(matmul(affinity, g), {s[0], s[1], s[2], s[3], inner});
  }
  return add(x, bn_(out_(y)));
}

}  // namespace sf
