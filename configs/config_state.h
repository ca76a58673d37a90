// What a Config holds, and how values come into it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "configs/config.h"
#include "configs/schema.h"
#include "configs/value.h"
#include "configs/yaml.h"

namespace sf {

struct Config::State {
  std::vector<ConfigValue> values;  // by place in the schema
  std::vector<std::string> warnings;

  // The place of a key; throws for a name that does not exist. `where` starts the message:
  // "FILE:LINE: " or nothing.
  static size_t place(std::string_view key, const std::string& where = "");

  // Former names are followed. Throws if the value is not of the key's type.
  void assign(std::string_view key, const ConfigValue& value, const std::string& where);

  void merge(const YamlDocument& document, const std::string& file);
  // The keys of a map of the file below the section `prefix` ("RESNET." or nothing).
  void merge(const YamlNode& map, const std::string& file, const std::string& prefix);

  // Once, however often it is said, and no more than 100 lines in all.
  void warn(const std::string& line);
};

}  // namespace sf
