// Where memory lives and work runs.
#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>

#include "kernels/base/kernel.h"

namespace sf {

struct Device {
  Backend backend = Backend::cpu;
  int index = 0;

  // "auto" (the first CUDA device if there is one, else the CPU), "cpu", "simt", "cuda", "cuda:1".
  // Throws for other text and for devices that this build or machine does not have.
  static Device parse(std::string_view text);
  // The same, but the machine need not have the device: for plans that do not run. Throws for
  // devices that this build has no kernels for.
  static Device parse_to_plan(std::string_view text);
  std::string name() const;
  // Whether its memory is the host's.
  bool is_host() const { return backend != Backend::cuda; }
  friend auto operator<=>(const Device&, const Device&) = default;
};

// Copies between memory of any two devices, behind all work queued there before. Done on return.
void copy_bytes(std::byte* to, Device to_device, const std::byte* from, Device from_device,
                size_t bytes);

void fill_bytes(std::byte* data, Device device, unsigned char byte, size_t bytes);

}  // namespace sf
