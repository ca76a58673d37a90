// What a device does at most, and the least time that this leaves for a piece of work.
#pragma once

#include "kernels/base/dtype.h"

namespace sf {

struct Peaks {
  double bandwidth = 0;  // bytes a second of its memory
  double single = 0;     // float32 operations a second, two a multiply-add
  double tf32 = 0;       // of the tensor cores, in TF32
  double half = 0;       // bf16 and f16 operations a second, added up in float32

  // Operations a second in a type.
  double operations(DType type, bool in_tf32) const {
    return is_half(type) ? half : in_tf32 ? tf32 : single;
  }
};

struct Work {
  double bytes = 0, operations = 0;
  DType type = DType::f32;
  bool tf32 = false;
};

// The longer of traffic at full bandwidth and arithmetic at full speed: the roofline.
inline double roofline_seconds(const Work& work, const Peaks& peaks) {
  const double traffic = work.bytes / peaks.bandwidth,
               arithmetic = work.operations / peaks.operations(work.type, work.tf32);
  return traffic > arithmetic ? traffic : arithmetic;
}

}  // namespace sf
