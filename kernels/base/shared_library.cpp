#include "kernels/base/shared_library.h"

#include <cstdlib>

#include <dlfcn.h>

#include "kernels/base/error.h"

namespace sf {
namespace {

const char* named_by(const char* variable, const char* otherwise) {
  const char* named = std::getenv(variable);
  return named && *named ? named : otherwise;
}

}  // namespace

SharedLibrary::SharedLibrary(const char* file) : handle_(dlopen(file, RTLD_LAZY | RTLD_LOCAL)) {
  SF_CHECK(handle_, dlerror());
}

SharedLibrary::SharedLibrary(const char* variable, const char* otherwise)
    : SharedLibrary(named_by(variable, otherwise)) {}

SharedLibrary::Symbol SharedLibrary::symbol(const char* name) const {
  void* address = dlsym(handle_, name);
  SF_CHECK(address, dlerror());
  return {address};
}

}  // namespace sf
