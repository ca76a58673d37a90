// Batch norm with the statistics of the batch.
#pragma once

#include "autograd/ops/batch_norm.h"

namespace sf {

struct BatchNormTraining {
  double momentum = 0.1;  // weight of the batch in the running statistics
  int splits = 1;         // sample i is normalised with those whose number is i modulo splits
};

// x: N [..] C. Normalises with the mean and the variance of the batch, and moves `mean` and
// `variance`, which are states of splits * C values, towards them: the variance with Bessel's
// correction, n / (n - 1). Throws where a mean would be that of a single value. The gradient by x
// includes the way through the batch's statistics.
Value batch_norm_training(Value x, const BatchNormStatistics& statistics,
                          const BatchNormTraining& training = {});

}  // namespace sf
