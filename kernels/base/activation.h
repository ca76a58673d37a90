// What a kernel may apply to its result before storing it.
#pragma once

#include <cstdint>

namespace sf {

enum class Activation : uint8_t { none, relu };

}  // namespace sf
