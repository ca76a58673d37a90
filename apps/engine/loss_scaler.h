// The scale of the loss that keeps gradients in the range of f16.
#pragma once

#include <cstdint>

namespace sf {

// Gradients start from the loss times the scale and are divided by it once they are float32. A step
// whose gradients overflow is skipped and halves the scale; 2000 good steps in a row double it: the
// rule of the original.
class LossScaler {
 public:
  double scale() const { return scale_; }
  int64_t good_steps() const { return good_steps_; }

  // Behind a step; tells the log of an overflow.
  void update(bool overflow);
  // As an earlier run left it.
  void restore(double scale, int64_t good_steps);

 private:
  double scale_ = 65536;
  int64_t good_steps_ = 0;  // since the scale changed
};

}  // namespace sf
