// The first layers of a pathway: convolution, batch norm, ReLU and max pooling.
#pragma once

#include <memory>

#include "layers/conv.h"

namespace sf {

class ResNetStem : public Module {
 public:
  struct Options {
    int in = 3, out = 64;
    int temporal_kernel = 1;
  };
  // Parameters: conv, bn. Kernel [t 7 7], stride [1 2 2]; the pooling takes 3 x 3 with stride 2.
  ResNetStem(Module& parent, std::string_view name, const Options& options);
  Value operator()(Value x) const;

 private:
  Conv3d conv_;
  BatchNorm bn_;
};

}  // namespace sf
