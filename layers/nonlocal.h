// The non-local block (Wang et al. 2018, arXiv:1711.07971).
#pragma once

#include <array>
#include <string>

#include "layers/conv.h"

namespace sf {

// x + bn(out(sum over positions p of A[t, p] g(x)[p])), A from theta(x)[t] . phi(x)[p].
class NonLocal : public Module {
 public:
  struct Options {
    int channels = 0;                  // the inner convolutions have half as many
    std::array<int, 3> pool{1, 1, 1};  // T H W, max pooling of the input of phi and g; 1 1 1: none
    int groups = 1;                    // T is cut into this many parts that do not see each other
    // softmax: A = softmax(theta . phi / sqrt(inner)); dot_product: A = theta . phi / number of
    // keys.
    std::string instantiation = "dot_product";
    bool zero_final_bn = false;
  };
  // Parameters: conv_theta, conv_phi, conv_g, conv_out (all with bias), bn.
  NonLocal(Module& parent, std::string_view name, const Options& options);
  Value operator()(Value x) const;

 private:
  Options options_;
  Conv3d theta_, phi_, g_, out_;
  BatchNorm bn_;
};

}  // namespace sf
