// Binary cross-entropy.
#pragma once

#include "autograd/graph.h"

namespace sf {

// x: rows x classes, probabilities or, with `logits`, logits; targets: like x, 0 to 1. The mean
// over all elements, one of x's type. Logarithms of probabilities count for at least -100; NaN for
// a probability outside 0 to 1. rows_used: one i64, 1 to rows: the mean is over so many rows from
// the first on, and the others have no gradient; empty: all.
Value binary_cross_entropy(Value x, Value targets, bool logits, Value rows_used = {});

}  // namespace sf
