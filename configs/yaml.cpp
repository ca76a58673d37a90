#include "configs/yaml.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <unordered_map>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr size_t kMaxDepth = 32;
constexpr size_t kMaxNodes = size_t(1) << 16;
constexpr size_t kMaxExpandedBytes = size_t(4) << 20;
// The parser looks ahead through open brackets, at a cost that grows with their number.
constexpr int kMaxOpenBrackets = 256;

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

struct Weight {
  size_t nodes = 0, bytes = 0, depth = 0;
};

Weight weigh(const YamlNode& node) {
  Weight sum{1, node.text.size(), node.kind == YamlNode::Kind::scalar ? 0u : 1u};
  const auto add = [&](const YamlNode& child) {
    const Weight w = weigh(child);
    sum.nodes += w.nodes;
    sum.bytes += w.bytes;
    sum.depth = std::max(sum.depth, w.depth + 1);
  };
  for (const YamlNode& element : node.elements) add(element);
  for (const YamlEntry& entry : node.entries) {
    sum.bytes += entry.key.size();
    add(entry.value);
  }
  return sum;
}

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& name, YamlDocument& document) : name_(name), document_(document) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    charge({.nodes = 1}, mark);
    add({}, mark.line + 1, anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      fail(mark, "an alias of something complete", "one of what is around it");
    const Weight weight = weigh(found->second);
    charge(weight, mark);
    check_depth(levels_.size() + weight.depth, mark);
    add(found->second, mark.line + 1, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    charge({.nodes = 1, .bytes = value.size()}, mark);
    YamlNode node;
    node.plain = tag == "?" || is_tag(tag, {"int", "float", "bool", "null"});
    if (!node.plain && tag != "!") check_tag(mark, tag, {"str"});
    node.text = value;
    add(std::move(node), mark.line + 1, anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    if (tag != "?" && tag != "!") check_tag(mark, tag, {"seq", "python/tuple"});
    open(mark, YamlNode::Kind::list, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    if (tag != "?" && tag != "!") check_tag(mark, tag, {"map"});
    open(mark, YamlNode::Kind::map, anchor);
  }
  void OnMapEnd() override {
    Level& level = levels_.back();
    level.node.entries = unique_entries(std::move(level.node.entries));
    close();
  }

 private:
  struct Level {
    YamlNode node;
    int line = 0;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    std::string key;
    int key_line = 0;
  };

  [[noreturn]] void fail(const YAML::Mark& mark, std::string_view wanted,
                         std::string_view found) const {
    throw Error(cat(name_, ":", mark.line + 1, ": wanted ", wanted, ", found ", found));
  }

  static bool is_tag(std::string_view tag, std::initializer_list<std::string_view> names) {
    return tag.starts_with(kTagPrefix) &&
           std::ranges::find(names, tag.substr(kTagPrefix.size())) != names.end();
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag,
                 std::initializer_list<std::string_view> names) const {
    if (!is_tag(tag, names)) fail(mark, "a value without a tag", "the tag " + in_quotes(tag));
  }

  void charge(Weight weight, const YAML::Mark& mark) {
    spent_.nodes += weight.nodes;
    spent_.bytes += weight.bytes;
    if (spent_.nodes > kMaxNodes || spent_.bytes > kMaxExpandedBytes)
      fail(mark,
           cat("at most ", kMaxNodes, " values and ", kMaxExpandedBytes >> 20,
               " MiB with all aliases expanded"),
           "more");
  }

  void check_depth(size_t depth, const YAML::Mark& mark) const {
    if (depth > kMaxDepth) fail(mark, cat("at most ", kMaxDepth, " levels"), "more");
  }

  void open(const YAML::Mark& mark, YamlNode::Kind kind, YAML::anchor_t anchor) {
    charge({.nodes = 1}, mark);
    check_depth(levels_.size() + 1, mark);
    if (!levels_.empty() && levels_.back().node.kind == YamlNode::Kind::map &&
        !levels_.back().has_key)
      fail(mark, "a name as key", kind == YamlNode::Kind::list ? "a list" : "a map");
    Level level;
    level.node.kind = kind;
    level.line = mark.line + 1;
    level.anchor = anchor;
    levels_.push_back(std::move(level));
  }

  void close() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    add(std::move(level.node), level.line, level.anchor);
  }

  void add(YamlNode node, int line, YAML::anchor_t anchor) {
    if (anchor) anchors_[anchor] = node;
    if (levels_.empty()) {
      document_.root = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.node.kind == YamlNode::Kind::list) {
      SF_CHECK(node.kind != YamlNode::Kind::map, name_, ":", line,
               ": wanted values in a list, found a map");
      level.node.elements.push_back(std::move(node));
    } else if (level.has_key) {
      level.node.entries.push_back({std::move(level.key), level.key_line, std::move(node)});
      level.has_key = false;
    } else {
      SF_CHECK(node.kind == YamlNode::Kind::scalar, name_, ":", line,
               ": wanted a name as key, found an alias of ",
               node.kind == YamlNode::Kind::list ? "a list" : "a map");
      level.key = std::move(node.text);
      level.key_line = line;
      level.has_key = true;
    }
  }

  // Each key once, with the last value it has. The entries of "<<: *map" come first, so that others
  // replace them.
  std::vector<YamlEntry> unique_entries(std::vector<YamlEntry> entries) {
    std::vector<YamlEntry> unique;
    std::unordered_map<std::string, size_t> places;
    const auto put = [&](YamlEntry entry) {
      const auto [place, is_new] = places.emplace(entry.key, unique.size());
      if (is_new)
        unique.push_back(std::move(entry));
      else
        unique[place->second] = std::move(entry);
    };
    for (const YamlEntry& merged : entries) {
      if (merged.key != "<<") continue;
      SF_CHECK(merged.value.kind == YamlNode::Kind::map, name_, ":", merged.line,
               ": <<: wanted a map, found something else");
      for (const YamlEntry& entry : merged.value.entries) put(entry);
    }
    std::unordered_map<std::string, int> lines;
    for (YamlEntry& entry : entries) {
      if (entry.key == "<<") continue;
      if (const auto [first, is_new] = lines.emplace(entry.key, entry.line); !is_new)
        document_.warnings.push_back(cat(name_, ":", entry.line, ": ", in_quotes(entry.key),
                                         " stands in line ", first->second,
                                         " already; the last value counts"));
      put(std::move(entry));
    }
    return unique;
  }

  const std::string& name_;
  YamlDocument& document_;
  std::vector<Level> levels_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  Weight spent_;
};

// What the parser would take long over or take for something else.
void check_bytes(std::string_view text, const std::string& name) {
  SF_CHECK(text.size() <= kMaxYamlBytes, name, ": wanted at most ", kMaxYamlBytes >> 10,
           " KiB of YAML, found ", text.size(), " bytes");
  int line = 1, open = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    SF_CHECK(byte >= 0x20 || c == '\t' || c == '\n' || c == '\r', name, ":", line,
             ": wanted text, found the byte ", int(byte));
    if (c == '\n') ++line;
    if (c == '[' || c == '{') ++open;
    if ((c == ']' || c == '}') && open > 0) --open;
    SF_CHECK(open <= kMaxOpenBrackets, name, ":", line, ": wanted at most ", kMaxOpenBrackets,
             " brackets open, found more");
  }
}

}  // namespace

YamlDocument parse_yaml(std::string_view text, const std::string& name) {
  check_bytes(text, name);
  YamlDocument document;
  document.root.kind = YamlNode::Kind::map;
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    TreeBuilder builder(name, document);
    if (parser.HandleNextDocument(builder)) {
      YamlDocument second;
      TreeBuilder rest(name, second);
      SF_CHECK(!parser.HandleNextDocument(rest), name, ": wanted one YAML document, found two");
    }
  } catch (const YAML::Exception& e) {
    throw Error(cat(name, ":", e.mark.line + 1, ": wanted YAML, found ", one_line(e.msg),
                    " (is the indentation right?)"));
  }
  YamlNode& root = document.root;
  if (root.kind == YamlNode::Kind::scalar && root.plain &&
      resolve_plain(root.text) == ConfigValue{})
    root.kind = YamlNode::Kind::map;
  SF_CHECK(root.kind == YamlNode::Kind::map, name, ": wanted keys and values, found ",
           root.kind == YamlNode::Kind::list ? "a list" : "a single value");
  return document;
}

}  // namespace sf
