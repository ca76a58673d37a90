// Keys that are read and change nothing.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "configs/config.h"

namespace sf {

struct KeyWithoutEffect {
  std::string_view key, why;
  bool (*applies)(const Config&) = nullptr;  // when it has none; null: never any
};

// The one list of them, for `sf run` and docs/configuration.md; those of equal reasons together.
std::span<const KeyWithoutEffect> keys_without_effect();

// "AUG.RE_SPLIT: True has no effect: WHY" for each that differs from its default.
std::vector<std::string> settings_without_effect(const Config& config);

}  // namespace sf
