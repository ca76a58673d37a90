// Configurations as text: the dump, and the keys with their documentation.
#include "configs/config_state.h"

namespace sf {
namespace {

std::string_view type_name(ConfigValue::Kind kind) {
  switch (kind) {
    case ConfigValue::Kind::none: return "any";
    case ConfigValue::Kind::boolean: return "bool";
    case ConfigValue::Kind::integer: return "int";
    case ConfigValue::Kind::number: return "float";
    case ConfigValue::Kind::text: return "string";
    case ConfigValue::Kind::list: break;
  }
  return "list";
}

}  // namespace

std::string Config::dump() const {
  std::string out, section;  // the section whose keys are being written: "MVIT.REV." or nothing
  const auto keys = Schema::instance().keys();
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::string_view name = keys[i].name;
    size_t begin = 0, indent = 0;
    for (size_t dot; (dot = name.find('.', begin)) != std::string_view::npos;
         begin = dot + 1, indent += 2)
      if (!section.starts_with(name.substr(0, dot + 1)))
        out.append(indent, ' ').append(name.substr(begin, dot - begin)).append(":\n");
    section = name.substr(0, begin);
    out.append(indent, ' ')
        .append(name.substr(begin))
        .append(": ")
        .append(yaml_text(state_->values[i])) += '\n';
  }
  return out;
}

std::string Config::settings() const {
  std::string out;
  const auto keys = Schema::instance().keys();
  for (size_t i = 0; i < keys.size(); ++i)
    out.append(keys[i].name).append(": ").append(yaml_text(state_->values[i])) += '\n';
  return out;
}

std::vector<KeyInfo> Config::keys() {
  std::vector<KeyInfo> infos;
  for (const SchemaKey& key : Schema::instance().keys())
    infos.push_back(
        {key.name, std::string(type_name(key.value.kind())), yaml_text(key.value), key.comment});
  return infos;
}

}  // namespace sf
