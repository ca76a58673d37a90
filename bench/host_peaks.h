// What this processor does at most, measured.
#pragma once

#include "kernels/base/peaks.h"

namespace sf {

// Arithmetic: the fastest of some large products of matrices by oneDNN, in bf16 where the processor
// multiplies it and that is the type, else that of float32. Bandwidth: the fastest of some copies
// of more than caches hold, read and written bytes. Both on all threads; takes a second or two.
Peaks measured_host_peaks(DType type);

}  // namespace sf
