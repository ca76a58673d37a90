#include "configs/config_state.h"

#include <algorithm>
#include <optional>

#include "configs/former_names.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

using Kind = ConfigValue::Kind;

constexpr size_t kMaxWarnings = 100;

// The value as the kind of a key, or nothing if it does not fit.
std::optional<ConfigValue> fit(Kind kind, ConfigValue value) {
  if (kind == Kind::number && value.kind() == Kind::integer)
    return ConfigValue{double(std::get<int64_t>(value.data))};
  if (kind == Kind::none || value.kind() == Kind::none || value.kind() == kind) return value;
  return std::nullopt;
}

// A key that no longer exists because its value never changed.
void check_constant(const FormerKey& key, const ConfigValue& value, const std::string& where) {
  const auto number = fit(Kind::number, value);
  const double* found = number ? std::get_if<double>(&number->data) : nullptr;
  SF_CHECK(found && *found == key.only, where, key.name, ": wanted ", key.only,
           ", the only value there is, found ", message_text(value));
}

}  // namespace

size_t Config::State::place(std::string_view key, const std::string& where) {
  const Schema& schema = Schema::instance();
  SF_CHECK(!schema.is_section(key), where, key,
           ": wanted a key of this section, found the section itself");
  const auto place = schema.find(key);
  SF_CHECK(place, where, in_quotes(key),
           ": wanted a key of the configuration, found none of this name", schema.suggestion(key));
  return *place;
}

void Config::State::assign(std::string_view key, const ConfigValue& value,
                           const std::string& where) {
  if (is_ignored_key(key)) {
    warn(cat(where, one_line(key), ": has no effect"));
    return;
  }
  if (const FormerKey* former = find_former_key(key)) {
    if (!former->has_target()) return check_constant(*former, value, where);
    std::string names;
    for (const std::string_view target : former->targets) {
      if (target.empty()) continue;
      assign(target, value, where);
      names += (names.empty() ? "" : " and ") + std::string(target);
    }
    warn(cat(where, key, ": is taken for ", names));
    return;
  }
  const size_t at = place(key, where);
  const Kind kind = Schema::instance().keys()[at].value.kind();
  auto fitted = fit(kind, value);
  // The hint is for texts such as 2024 that are meant as names.
  SF_CHECK(fitted, where, key, ": wanted ", describe(kind), ", found ", message_text(value),
           kind == Kind::text ? " (a string of that needs two pairs of quotes: \"'...'\")" : "");
  if (key == "MODEL.ARCH")
    if (auto* arch = std::get_if<std::string>(&fitted->data)) *arch = present_arch(*arch);
  values[at] = std::move(*fitted);
}

void Config::State::merge(const YamlDocument& document, const std::string& file) {
  for (const std::string& warning : document.warnings) warn(warning);
  merge(document.root, file, "");
}

void Config::State::merge(const YamlNode& map, const std::string& file, const std::string& prefix) {
  const Schema& schema = Schema::instance();
  for (const YamlEntry& entry : map.entries) {
    const std::string name = prefix + entry.key;
    const std::string where = cat(file, ":", entry.line, ": ");
    const bool is_map = entry.value.kind == YamlNode::Kind::map;
    if (is_ignored_key(name)) {
      warn(cat(where, one_line(name), ": has no effect"));
    } else if (schema.is_section(name)) {
      SF_CHECK(is_map, where, name, ": wanted a section of keys, found ",
               message_text(value_of(entry.value)));
      merge(entry.value, file, name + ".");
    } else if (is_map) {
      const auto& key = schema.keys()[place(name, where)];
      throw Error(
          cat(where, name, ": wanted ", describe(key.value.kind()), ", found a section of keys"));
    } else {
      assign(name, value_of(entry.value), where);
    }
  }
}

void Config::State::warn(const std::string& line) {
  if (warnings.size() < kMaxWarnings && std::ranges::find(warnings, line) == warnings.end())
    warnings.push_back(line);
}

}  // namespace sf
