#include "configs/config.h"

#include "configs/config_state.h"
#include "configs/literal.h"
#include "kernels/base/error.h"

namespace sf {

Config::Config() : state_(std::make_unique<State>()) {
  for (const SchemaKey& key : Schema::instance().keys()) state_->values.push_back(key.value);
}
Config::Config(const Config& other) : state_(std::make_unique<State>(*other.state_)) {}
Config::Config(Config&&) noexcept = default;
Config& Config::operator=(const Config& other) {
  if (this != &other) state_ = std::make_unique<State>(*other.state_);
  return *this;
}
Config& Config::operator=(Config&&) noexcept = default;
Config::~Config() = default;

Config Config::load(const std::filesystem::path& file, std::span<const std::string> overrides) {
  Config config;
  config.merge_file(file);
  config.merge_pairs(overrides);
  try {
    config.validate();
  } catch (const Error& e) { throw Error(cat(one_line(file.string()), ": ", e.what())); }
  return config;
}

void Config::merge_text(std::string_view yaml, const std::string& name) {
  const std::string source = one_line(name);
  state_->merge(parse_yaml(yaml, source), source);
}

void Config::merge_pairs(std::span<const std::string> pairs) {
  SF_CHECK(pairs.size() % 2 == 0, in_quotes(pairs.back()),
           ": wanted KEY VALUE pairs, found no value behind it");
  for (size_t i = 0; i < pairs.size(); i += 2) set(pairs[i], pairs[i + 1]);
}

void Config::set(std::string_view key, std::string_view text) {
  using Kind = ConfigValue::Kind;
  ConfigValue value = decode_literal(text);
  // What is a text to Python may be a boolean, an infinite number or nothing to YAML. YAML's 010
  // for 8 surprises who types it, so it stays a text.
  const auto place = Schema::instance().find(key);
  if (place && value.kind() == Kind::text) {
    const Kind kind = Schema::instance().keys()[*place].value.kind();
    ConfigValue resolved = resolve_plain(text);
    if (resolved.kind() == kind && kind != Kind::text && kind != Kind::integer)
      value = std::move(resolved);
  }
  state_->assign(key, value, "");
}

bool Config::is_none(std::string_view key) const {
  return state_->values[State::place(key)].kind() == ConfigValue::Kind::none;
}

bool Config::is_default(std::string_view key) const {
  const size_t at = State::place(key);
  return state_->values[at] == Schema::instance().keys()[at].value;
}

std::string Config::text(std::string_view key) const {
  return message_text(state_->values[State::place(key)]);
}

const std::vector<std::string>& Config::warnings() const { return state_->warnings; }

bool Config::operator==(const Config& other) const {
  return state_->values == other.state_->values;
}

}  // namespace sf
