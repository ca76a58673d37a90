#include "tensor/device.h"

#include <charconv>
#include <cstring>
#include <optional>

#include "kernels/base/cuda/runtime.h"

namespace sf {
namespace {

#if defined(SF_WITH_CUDA)
constexpr bool kWithCuda = true;
#else
constexpr bool kWithCuda = false;
#endif

// N of "cuda:N"; 0 for "cuda".
std::optional<int> cuda_index(std::string_view text) {
  if (text == "cuda") return 0;
  if (!text.starts_with("cuda:")) return {};
  int index = 0;
  const char* end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data() + 5, end, index);
  if (error != std::errc() || read != end || index < 0) return {};
  return index;
}

Device named(std::string_view text) {
  if (text == "auto") return {.backend = cuda::device_count() > 0 ? Backend::cuda : Backend::cpu};
  if (text == "cpu") return {};
  if (text == "simt") return {.backend = Backend::simt};
  const std::optional<int> index = cuda_index(text);
  SF_CHECK(index, "device: wanted auto, cpu, simt, cuda or cuda:N, found '", text, "'");
  return {.backend = Backend::cuda, .index = *index};
}

}  // namespace

Device Device::parse(std::string_view text) {
  const Device device = named(text);
  if (device.backend != Backend::cuda) return device;
  const int count = cuda::device_count();
  SF_CHECK(count > 0, "device: wanted ", text, ", found none: ", cuda::describe_devices());
  SF_CHECK(device.index < count, "device: wanted ", text, ", found ", count, " CUDA devices");
  return device;
}

Device Device::parse_to_plan(std::string_view text) {
  const Device device = named(text);
  SF_CHECK(device.backend != Backend::cuda || kWithCuda, "device: wanted kernels of ", text,
           ", found a build without CUDA");
  return device;
}

std::string Device::name() const {
  switch (backend) {
    case Backend::cpu: return "cpu";
    case Backend::simt: return "simt";
    case Backend::cuda: return cat("cuda:", index);
  }
  return "?";
}

namespace {

// Makes a CUDA device the thread's, so that what follows is ordered with its streams.
cuda::DeviceScope scope_of(Device device) {
  return cuda::DeviceScope(device.is_host() ? std::nullopt : std::optional(device.index));
}

}  // namespace

void copy_bytes(std::byte* to, Device to_device, const std::byte* from, Device from_device,
                size_t bytes) {
  if (bytes == 0 || to == from) return;
  if (to_device.is_host() && from_device.is_host()) {
    std::memcpy(to, from, bytes);
    return;
  }
  const auto scope = scope_of(to_device.is_host() ? from_device : to_device);
  cuda::copy(to, from, bytes);
}

void fill_bytes(std::byte* data, Device device, unsigned char byte, size_t bytes) {
  if (bytes == 0) return;
  if (device.is_host()) {
    std::memset(data, byte, bytes);
    return;
  }
  const auto scope = scope_of(device);
  cuda::fill(data, byte, bytes);
}

}  // namespace sf
