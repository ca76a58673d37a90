#include "configs/schema.h"

#include <algorithm>

#include "configs/yaml.h"

namespace sf {

extern const char kDefaultsYaml[];

namespace {

constexpr size_t kLongestGuess = 100;

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// The comment at the end of the line (counted from 1), else that on the line above.
std::string comment_at(std::span<const std::string_view> lines, int line) {
  const std::string_view own = lines[size_t(line) - 1];
  if (const size_t at = own.find("  # "); at != std::string_view::npos)
    return std::string(own.substr(at + 4));
  if (line < 2) return "";
  const std::string_view above = lines[size_t(line) - 2];
  const size_t at = above.find_first_not_of(' ');
  if (at == std::string_view::npos || !above.substr(at).starts_with("# ")) return "";
  return std::string(above.substr(at + 2));
}

// The fewest insertions, removals and replacements of letters that make one text of the other; case
// does not count.
size_t edits(std::string_view a, std::string_view b) {
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; };
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (upper(a[i]) == upper(b[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

Schema::Schema() {
  const YamlDocument document = parse_yaml(kDefaultsYaml, "defaults.yaml");
  const auto lines = split_lines(kDefaultsYaml);
  const auto read = [&](auto& self, const YamlNode& map, const std::string& prefix) -> void {
    for (const YamlEntry& entry : map.entries) {
      const std::string name = prefix + entry.key;
      if (entry.value.kind == YamlNode::Kind::map) {
        sections_.insert(name);
        self(self, entry.value, name + ".");
      } else {
        places_[name] = keys_.size();
        keys_.push_back({name, value_of(entry.value), comment_at(lines, entry.line)});
      }
    }
  };
  read(read, document.root, "");
}

const Schema& Schema::instance() {
  static const Schema schema;
  return schema;
}

std::optional<size_t> Schema::find(std::string_view name) const {
  const auto found = places_.find(std::string(name));
  return found == places_.end() ? std::nullopt : std::optional(found->second);
}

std::string Schema::suggestion(std::string_view name) const {
  if (name.size() > kLongestGuess) return "";
  std::string_view nearest;
  size_t fewest = std::string_view::npos;
  const auto consider = [&](std::string_view candidate) {
    size_t count = edits(name, candidate);
    // A key without its section is as near as one wrong letter.
    if (name.find('.') == std::string_view::npos)
      if (const size_t dot = candidate.rfind('.'); dot != std::string_view::npos)
        count = std::min(count, edits(name, candidate.substr(dot + 1)) + 1);
    if (count < fewest) {
      fewest = count;
      nearest = candidate;
    }
  };
  for (const SchemaKey& key : keys_) consider(key.name);
  std::vector<std::string_view> sections(sections_.begin(), sections_.end());
  std::ranges::sort(sections);
  for (const std::string_view section : sections) consider(section);
  return "; did you mean " + std::string(nearest) + "?";
}

}  // namespace sf
