#include "kernels/base/shared_library.h"

#include <dlfcn.h>

#include "kernels/base/error.h"

namespace sf {

SharedLibrary::SharedLibrary(const char* file) : handle_(dlopen(file, RTLD_LAZY | RTLD_LOCAL)) {
  SF_CHECK(handle_, dlerror());
}

SharedLibrary::Symbol SharedLibrary::symbol(const char* name) const {
  void* address = dlsym(handle_, name);
  SF_CHECK(address, dlerror());
  return {address};
}

}  // namespace sf
