// docs/configuration.md says what defaults.yaml says.
#include "configs/configuration_page.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "configs/config.h"
#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(ConfigurationPage, IsTheOneOfTheDocumentation) {
  const auto path = std::filesystem::path(SF_SOURCE_DIR) / "docs" / "configuration.md";
  if (std::getenv("SF_WRITE_DOCS")) write_bytes(path, configuration_page());
  const auto written = lines_of(read_bytes(path)), wanted = lines_of(configuration_page());
  for (size_t i = 0; i < std::max(written.size(), wanted.size()); ++i)
    ASSERT_EQ(i < written.size() ? written[i] : "the end",
              i < wanted.size() ? wanted[i] : "the end")
        << "docs/configuration.md, line " << i + 1 << "; to write it anew:\n"
        << "SF_WRITE_DOCS=1 build/test_configs --gtest_filter='ConfigurationPage.*'";
}

TEST(ConfigurationPage, HoldsEveryKeyInOneTableOfItsSection) {
  std::set<std::string> sections, keys;
  std::string section;
  for (const std::string& line : lines_of(configuration_page())) {
    if (line.starts_with("## ")) {
      section = line.substr(3);
      EXPECT_TRUE(sections.insert(section).second) << section << " has two tables";
    } else if (line.starts_with("| `")) {
      EXPECT_EQ(std::ranges::count(line, '|'), 5) << line;
      const std::string key = line.substr(3, line.find('`', 3) - 3);
      keys.insert(section == "Outside of sections" ? key : cat(section, ".", key));
    }
  }
  std::set<std::string> wanted;
  for (const KeyInfo& key : Config::keys()) wanted.insert(key.name);
  EXPECT_EQ(keys, wanted);
}

}  // namespace
}  // namespace sf
