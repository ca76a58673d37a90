// The page of the documentation that lists every key.
#pragma once

#include <string>

namespace sf {

// docs/configuration.md: how a configuration is read, and a table for each section with the type,
// the default and the meaning of its keys.
std::string configuration_page();

}  // namespace sf
