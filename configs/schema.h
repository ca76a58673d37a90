// The keys of a configuration, read from the embedded defaults.yaml.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "configs/value.h"

namespace sf {

struct SchemaKey {
  std::string name;
  ConfigValue value;  // the default; its kind is the key's, None takes any
  std::string comment;
};

class Schema {
 public:
  // Made once; any thread may call it.
  static const Schema& instance();

  // In the order of the file.
  std::span<const SchemaKey> keys() const { return keys_; }
  std::optional<size_t> find(std::string_view name) const;
  // Whether keys stand under the name, as under RESNET or MVIT.REV.
  bool is_section(std::string_view name) const { return sections_.contains(std::string(name)); }

  // Ends a message about a name that does not exist: "; did you mean RESNET.DEPTH?", or nothing for
  // a very long name.
  std::string suggestion(std::string_view name) const;

 private:
  Schema();

  std::vector<SchemaKey> keys_;
  std::unordered_map<std::string, size_t> places_;
  std::unordered_set<std::string> sections_;
};

}  // namespace sf
