// From one real type to another.
#pragma once

#include "autograd/graph.h"

namespace sf {

// x itself if it has that type. Values are rounded to nearest.
Value cast(Value x, DType to);

// Its gradient may come in float32 where the result is half, and goes on in the input's type.
class CastOp : public Op {
 public:
  explicit CastOp(DType to) : to_(to) {}
  std::string_view name() const override { return "cast"; }
  bool cheap() const override { return true; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  Lowered lower(const OpSite& site) const override;
  std::vector<Value> grad(const GradSite& site) const override;
  bool takes_pitch(const OpSite&) const override { return true; }

 private:
  DType to_;
};

}  // namespace sf
