// Every folder includes only what the layers allow, and each third-party library stands behind its
// own files.
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

const fs::path kRoot = SF_SOURCE_DIR;

// What a folder may include besides itself. Kernels see kernels/base and their own folder only; the
// base of device kernels and their host executor see each other.
const std::map<std::string, Names> kAllowed{
    {"tensor", {"kernels/base"}},
    {"dist", {"kernels/base"}},
    {"autograd", {"tensor", "dist", "kernels"}},
    {"layers", {"autograd", "tensor", "kernels/base"}},
    {"configs", {"kernels/base"}},
    {"models", {"layers", "autograd", "dist", "tensor", "configs", "kernels/base"}},
    {"data", {"tensor", "configs", "kernels/base", "kernels/nv12", "kernels/resample"}},
    {"apps", {"models", "layers", "data", "autograd", "dist", "tensor", "configs", "kernels/base"}},
};

// Where headers of other projects may appear.
const std::map<std::string, Names> kThirdParty{
    {"dnnl", {"kernels"}},        {"cudnn", {"kernels"}},
    {"hwy", {"kernels", "data"}}, {"boost", {"kernels", "dist"}},
    {"gloo", {"dist"}},           {"nccl", {"dist"}},
    {"libav", {"data"}},          {"libsw", {"data"}},
    {"yaml-cpp", {"configs"}},    {"nlohmann", {"tensor", "dist", "autograd", "apps", "data"}},
    {"zip.h", {"tensor"}},        {"CLI", {"apps"}},
    {"spdlog", {"apps"}},         {"cublasLt", {"kernels"}},
    {"turbojpeg", {"data"}},      {"ft2build", {"data"}},
    {"fontconfig", {"data"}},
};

struct Include {
  std::string file, name;
};

std::vector<Include> includes(const std::string& folder, const std::regex& pattern) {
  std::vector<Include> found;
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
    const auto extension = entry.path().extension();
    if (extension != ".h" && extension != ".cpp" && extension != ".cu") continue;
    std::ifstream in(entry.path());
    std::smatch match;
    for (std::string line; std::getline(in, line);)
      if (std::regex_search(line, match, pattern))
        found.push_back({fs::relative(entry.path(), kRoot).string(), match[1]});
  }
  return found;
}

bool starts_with_any(const std::string& name, const Names& prefixes) {
  for (const auto& prefix : prefixes)
    if (name.starts_with(prefix + "/")) return true;
  return false;
}

const std::regex kOwn(R"(^\s*#include "([^"]+)\")"), kAngle(R"(^\s*#include <([^>]+)>)");

TEST(Layering, FoldersIncludeOnlyTheLayersBelow) {
  for (const auto& [folder, allowed] : kAllowed) {
    Names with_self = allowed;
    with_self.insert(folder);
    for (const auto& include : includes(folder, kOwn))
      EXPECT_TRUE(starts_with_any(include.name, with_self))
          << include.file << " includes " << include.name;
  }
}

TEST(Layering, KernelsSeeOnlyTheirOwnFolderAndTheBase) {
  for (const auto& include : includes("kernels", kOwn)) {
    const std::string own = fs::path(include.file).parent_path().string();
    Names allowed{own, "kernels/base", "hwy"};
    if (own == "kernels/base") allowed.insert("kernels/simt");
    EXPECT_TRUE(starts_with_any(include.name, allowed))
        << include.file << " includes " << include.name;
  }
}

TEST(Layering, LibrariesStayInTheirFolders) {
  for (const char* folder :
       {"kernels", "tensor", "dist", "autograd", "layers", "configs", "models", "data", "apps"})
    for (const auto& include : includes(folder, kAngle))
      for (const auto& [library, folders] : kThirdParty)
        if (include.name.starts_with(library))
          EXPECT_TRUE(folders.contains(folder)) << include.file << " includes " << include.name;
}

}  // namespace
