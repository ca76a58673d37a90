// A library of NVIDIA's that is loaded at first use, with what to say of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "kernels/base/cuda/runtime.h"
#include "kernels/base/error.h"

namespace sf::cuda {

template <class Library>
struct LoadedLibrary {
  Library library;
  std::string found;  // for people: its version, or why there is none
  bool works = false;
};

// find_functions(library) throws where the file or a function is missing. fits(version) says
// whether that version will do, `wanted` which would.
template <class Library, class Find, class Fits>
LoadedLibrary<Library> load_library(const Find& find_functions, const Fits& fits,
                                    std::string_view wanted) {
  LoadedLibrary<Library> loaded;
  try {
    find_functions(loaded.library);
  } catch (const Error& e) {
    loaded.found = cat("not found: ", e.what());
    return loaded;
  }
  loaded.library.current_device = current_device;
  const size_t version = loaded.library.get_version();
  loaded.found = cat(version / 10000, ".", version / 100 % 100, ".", version % 100);
  loaded.works = fits(version);
  if (!loaded.works) loaded.found += cat(": wanted ", wanted);
  return loaded;
}

}  // namespace sf::cuda
