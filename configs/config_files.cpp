// Configuration files and the files they are based on.
#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "configs/config_state.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBase = "_BASE_";
constexpr int kMaxFiles = 64;

// A named pipe or a device is refused before it is opened: reading it might never end.
std::string read_text(const fs::path& file, const std::string& name) {
  std::error_code error;
  SF_CHECK(fs::is_regular_file(file, error), name, ": wanted a configuration file, found ",
           fs::is_directory(file, error) ? "a folder"
           : fs::exists(file, error)     ? "something that is no file"
                                         : "nothing");
  std::ifstream in(file, std::ios::binary);
  // One byte more than allowed, so that a longer file is seen to be longer.
  std::string text(kMaxYamlBytes + 1, '\0');
  in.read(text.data(), std::streamsize(text.size()));
  SF_CHECK(in.gcount() > 0 || (in.eof() && !in.bad()), name,
           ": wanted a readable file, found none");
  SF_CHECK(size_t(in.gcount()) <= kMaxYamlBytes, name, ": wanted at most ", kMaxYamlBytes >> 10,
           " KiB of YAML, found more");
  text.resize(size_t(in.gcount()));
  return text;
}

fs::path base_path(const fs::path& file, const std::string& base, const std::string& where) {
  SF_CHECK(base.find("://") == std::string::npos, where, "wanted a file of this machine, found ",
           in_quotes(base));
  if (!base.starts_with("~/")) return file.parent_path() / base;
  const char* home = std::getenv("HOME");
  SF_CHECK(home && *home, where, "wanted a home folder for ", in_quotes(base),
           ", found HOME unset");
  return fs::path(home) / base.substr(2);
}

std::vector<std::string> base_names(const YamlNode& node, const std::string& where) {
  const auto name = [&](const YamlNode& scalar) {
    SF_CHECK(scalar.kind == YamlNode::Kind::scalar && !scalar.text.empty(), where,
             "wanted a path or a list of paths, found something else");
    return scalar.text;
  };
  if (node.kind != YamlNode::Kind::list) return {name(node)};
  std::vector<std::string> names;
  for (const YamlNode& element : node.elements) names.push_back(name(element));
  return names;
}

// Calls merge(document, name) for the bases of a file, then for the file itself.
template <class Merge>
class FileChain {
 public:
  explicit FileChain(Merge merge) : merge_(std::move(merge)) {}

  void follow(const fs::path& file, const std::string& where) {
    SF_CHECK(++count_ <= kMaxFiles, where, "wanted at most ", kMaxFiles,
             " files in all, found more");
    const std::string name = one_line(file.string());
    YamlDocument document = parse_yaml(read_text(file, where + name), name);
    std::error_code error;
    const fs::path canonical = fs::canonical(file, error);
    const fs::path& identity = error ? file : canonical;
    SF_CHECK(std::ranges::find(open_, identity) == open_.end(), where,
             "wanted no file twice in a chain, found ", name, " in its own bases");
    open_.push_back(identity);
    auto& entries = document.root.entries;
    const auto base = std::ranges::find(entries, kBase, &YamlEntry::key);
    if (base != entries.end()) {
      const std::string here = cat(name, ":", base->line, ": ", kBase, ": ");
      for (const std::string& path : base_names(base->value, here))
        follow(base_path(file, path, here), here);
      entries.erase(base);
    }
    open_.pop_back();
    merge_(document, name);
  }

 private:
  Merge merge_;
  std::vector<fs::path> open_;
  int count_ = 0;
};

}  // namespace

void Config::merge_file(const fs::path& file) {
  FileChain chain([this](const YamlDocument& document, const std::string& name) {
    state_->merge(document, name);
  });
  chain.follow(file, "");
}

}  // namespace sf
