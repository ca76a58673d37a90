// Kernel names as the source has them.
#pragma once

#include <cstdlib>
#include <string>

#include <cxxabi.h>

namespace ptxrun {

inline std::string demangled(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string readable = status == 0 ? text : name;
  std::free(text);
  return readable;
}

}  // namespace ptxrun
