#include "autograd/plan/device_values.h"

#include <cmath>
#include <cstring>

#include "kernels/base/cuda/runtime.h"
#include "kernels/base/element.h"

namespace sf {
namespace {

template <class T>
std::optional<int64_t> not_finite(const TensorRef& t) {
  const int64_t channels = t.type.shape.channels(), pixels = t.type.shape.pixels();
  const T* data = reinterpret_cast<const T*>(t.data);
  for (int64_t p = 0; p < pixels; ++p)
    for (int64_t c = 0; c < channels; ++c)
      if (!std::isfinite(Arithmetic<T>(data[p * t.pitch + c]))) return p;
  return {};
}

}  // namespace

Tensor dense_copy(const TensorRef& from, Device device) {
  Tensor to(from.type);
  const auto pixels = size_t(from.type.shape.pixels());
  const size_t row = size_t(from.type.shape.channels()) * size_of(from.type.dtype);
  const size_t step = size_t(from.pitch) * size_of(from.type.dtype);
  if (!device.is_host()) {
    const cuda::DeviceScope scope(device.index);
    cuda::copy_rows(to.data(), from.data,
                    {.rows = pixels, .bytes = row, .to_pitch = row, .from_pitch = step});
    return to;
  }
  for (size_t p = 0; p < pixels; ++p) std::memcpy(to.data() + p * row, from.data + p * step, row);
  return to;
}

std::optional<int64_t> not_finite(const TensorRef& value, Device device) {
  if (!device.is_host()) {
    const Tensor copy = dense_copy(value, device);
    return not_finite({copy.data(), value.type, value.type.shape.channels()}, Device{});
  }
  std::optional<int64_t> found;
  with_real(value.type.dtype, [&](auto type) { found = not_finite<decltype(type)>(value); });
  return found;
}

}  // namespace sf
