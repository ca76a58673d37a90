// Names and values of keys that older configuration files of PySlowFast use.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace sf {

struct FormerKey {
  std::string_view name;
  // The keys that have taken its place; none for a key that only ever has one value.
  std::array<std::string_view, 2> targets;
  double only = 0;  // that value

  bool has_target() const { return !targets[0].empty(); }
};

// Nothing for a name that is no former one.
const FormerKey* find_former_key(std::string_view name);

// Whether the name, or the section it is in, never had an effect on results: it is passed over with
// a warning.
bool is_ignored_key(std::string_view name);

// The present name of a value of MODEL.ARCH: slowonly is slow, c2d_nopool is slow_c2d.
std::string present_arch(std::string_view arch);

}  // namespace sf
