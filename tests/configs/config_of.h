// Configurations from texts and pairs, and what these throw.
#pragma once

#include <string>
#include <vector>

#include "configs/config.h"
#include "tests/tensor/outside_files.h"

namespace sf {

using Pairs = std::vector<std::string>;  // KEY VALUE KEY VALUE ...

// The defaults with the keys of a text that a.yaml could hold.
inline Config config_of(const std::string& yaml) {
  Config config;
  config.merge_text(yaml, "a.yaml");
  return config;
}

inline std::string error_of_text(const std::string& yaml) {
  return error_of([&] { config_of(yaml); });
}

inline std::string error_of_pairs(const Pairs& pairs) {
  return error_of([&] { Config().merge_pairs(pairs); });
}

}  // namespace sf
