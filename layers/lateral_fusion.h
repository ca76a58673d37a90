// The lateral connection of SlowFast (Feichtenhofer et al. 2019, arXiv:1812.03982, section 3.3).
#pragma once

#include "layers/conv.h"

namespace sf {

// A time-strided convolution brings the fast pathway to the slow one's frame rate; the result joins
// the slow pathway's channels, slow first.
class FuseFastToSlow : public Module {
 public:
  struct Options {
    int fast_channels = 0;
    int channel_ratio = 2;  // outputs per fast channel
    int kernel = 5;         // in time
    int alpha = 8;          // fast frames per slow frame
  };
  // Parameters: conv_f2s, bn.
  FuseFastToSlow(Module& parent, std::string_view name, const Options& options);
  // The new slow activations; the fast ones go on unchanged.
  Value operator()(Value slow, Value fast) const;

 private:
  Conv3d conv_f2s_;
  BatchNorm bn_;
};

}  // namespace sf
