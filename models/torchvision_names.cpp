#include "models/torchvision_names.h"

#include <algorithm>
#include <array>
#include <regex>
#include <utility>

namespace sf {
namespace {

// The stage behind "layer" is one less than ours, so it is written out.
const std::array<std::pair<std::regex, const char*>, 12>& rules() {
  static const std::array<std::pair<std::regex, const char*>, 12> kRules{{
      {std::regex(R"(^layer1\.)"), "s2."},
      {std::regex(R"(^layer2\.)"), "s3."},
      {std::regex(R"(^layer3\.)"), "s4."},
      {std::regex(R"(^layer4\.)"), "s5."},
      {std::regex(R"(^(s[2-5])\.([0-9]+)\.)"), "$1.pathway0_res$2."},
      {std::regex(R"(\.conv1\.)"), ".branch2.a."},
      {std::regex(R"(\.conv2\.)"), ".branch2.b."},
      {std::regex(R"(\.conv3\.)"), ".branch2.c."},
      {std::regex(R"(\.downsample\.0\.)"), ".branch1."},
      {std::regex(R"(\.downsample\.1\.)"), ".branch1_bn."},
      {std::regex(R"(^(conv|bn)1\.)"), "s1.pathway0_stem.$1."},
      {std::regex(R"(^fc\.)"), "head.projection."},
  }};
  return kRules;
}

}  // namespace

bool has_torchvision_names(const NamedTensors& tensors) {
  return std::ranges::any_of(tensors,
                             [](const auto& t) { return t.first == "layer1.0.conv3.weight"; });
}

std::string from_torchvision_name(const std::string& name) {
  std::string now = name;
  for (const auto& [pattern, replacement] : rules())
    now = std::regex_replace(now, pattern, replacement);
  static const std::regex kNorm(R"((s[2-5]\.pathway0_res[0-9]+)\.bn([1-3])\.)");
  std::smatch match;
  if (std::regex_search(now, match, kNorm)) {
    const char branch = char('a' + (match[2].str()[0] - '1'));
    now = match[1].str() + ".branch2." + branch + "_bn." + match.suffix().str();
  }
  return now;
}

}  // namespace sf
