// Where memory lives and work runs.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "kernels/base/kernel.h"

namespace sf {

struct Device {
  Backend backend = Backend::cpu;
  int index = 0;

  // "auto", "cpu", "simt", "cuda", "cuda:1". Throws for other text and for devices that this build
  // or machine does not have.
  static Device parse(std::string_view text);
  std::string name() const;
  friend auto operator<=>(const Device&, const Device&) = default;
};

}  // namespace sf
