#include "tensor/caffe2_names.h"

#include <array>
#include <regex>
#include <string_view>
#include <vector>

#include "kernels/base/error.h"

namespace sf {
namespace {

struct Rule {
  const char* pattern;
  const char* replacement;
};

// The order matters: later rules also act on names that former ones have made.
constexpr std::array<Rule, 31> kRules{{
    // Non-local blocks.
    {"^nonlocal_conv([0-9]+)_([0-9]+)_(.*)", "s$1.pathway0_nonlocal$2_$3"},
    {"^(.*)_nonlocal([0-9]+)_(theta)(.*)", "$1_nonlocal$2.conv_$3$4"},
    {"^(.*)_nonlocal([0-9]+)_(g)(.*)", "$1_nonlocal$2.conv_$3$4"},
    {"^(.*)_nonlocal([0-9]+)_(phi)(.*)", "$1_nonlocal$2.conv_$3$4"},
    {"^(.*)_nonlocal([0-9]+)_(out)(.*)", "$1_nonlocal$2.conv_$3$4"},
    {"^(.*)_nonlocal([0-9]+)_(bn)_(.*)", "$1_nonlocal$2.$3.$4"},
    // Lateral connections.
    {"^t_pool1_subsample_bn_(.*)", "s1_fuse.bn.$1"},
    {"^t_pool1_subsample_(.*)", "s1_fuse.conv_f2s.$1"},
    {"^t_res([0-9]+)_([0-9]+)_branch2c_bn_subsample_bn_(.*)", "s$1_fuse.bn.$3"},
    {"^t_res([0-9]+)_([0-9]+)_branch2c_bn_subsample_(.*)", "s$1_fuse.conv_f2s.$3"},
    // The slow or only pathway.
    {"^res([0-9]+)_([0-9]+)_branch([0-9]+)([a-z])_(.*)", "s$1.pathway0_res$2.branch$3.$4_$5"},
    {"^res_conv1_bn_(.*)", "s1.pathway0_stem.bn.$1"},
    {"^conv1_xy(.*)", "s1.pathway0_stem.conv_xy$1"},
    {"^conv1_(.*)", "s1.pathway0_stem.conv.$1"},
    {"^res([0-9]+)_([0-9]+)_branch([0-9]+)_(.*)", "s$1.pathway0_res$2.branch$3_$4"},
    {"^res_conv1_(.*)", "s1.pathway0_stem.conv.$1"},
    // The fast pathway.
    {"^t_res([0-9]+)_([0-9]+)_branch([0-9]+)([a-z])_(.*)", "s$1.pathway1_res$2.branch$3.$4_$5"},
    {"^t_res_conv1_bn_(.*)", "s1.pathway1_stem.bn.$1"},
    {"^t_conv1_(.*)", "s1.pathway1_stem.conv.$1"},
    {"^t_res([0-9]+)_([0-9]+)_branch([0-9]+)_(.*)", "s$1.pathway1_res$2.branch$3_$4"},
    {"^t_res_conv1_(.*)", "s1.pathway1_stem.conv.$1"},
    // Head, squeeze and excitation, X3D.
    {"pred_(.*)", "head.projection.$1"},
    {"(.*)b_bn_fc(.*)", "$1se.fc$2"},
    {"conv_5(.*)", "head.conv_5$1"},
    {"lin_5(.*)", "head.lin_5$1"},
    // Norms, then everything else.
    {"(.*)bn.b$", "$1bn.bias"},
    {"(.*)bn.s$", "$1bn.weight"},
    {"(.*)bn.rm$", "$1bn.running_mean"},
    {"(.*)bn.riv$", "$1bn.running_var"},
    {"(.*)[._]b$", "$1.bias"},
    {"(.*)[._]w$", "$1.weight"},
}};

}  // namespace

std::string name_from_caffe2(const std::string& blob) {
  struct Compiled {
    std::regex pattern;
    const char* replacement;
    std::regex_constants::match_flag_type where;
  };
  static const std::vector<Compiled> rules = [] {
    std::vector<Compiled> compiled;
    compiled.reserve(kRules.size());
    for (const auto& [pattern, replacement] : kRules) {
      // These match at the first character or nowhere. Trying every other one, too, would take time
      // with the square of the length.
      const bool at_begin = pattern[0] == '^' || std::string_view(pattern).starts_with("(.*)");
      compiled.push_back({std::regex(pattern), replacement,
                          at_begin ? std::regex_constants::match_continuous
                                   : std::regex_constants::match_default});
    }
    return compiled;
  }();
  constexpr size_t kLongest = 256;  // matching recurses with the length
  std::string name = blob;
  for (const auto& [pattern, replacement, where] : rules) {
    SF_CHECK(name.size() <= kLongest, "wanted a blob name of at most ", kLongest,
             " characters, found ", name.size());
    name = std::regex_replace(name, pattern, replacement, where);
  }
  return name;
}

bool is_caffe2_solver_state(const std::string& blob) {
  return blob == "lr" || blob.find("momentum") != std::string::npos ||
         blob.find("model_iter") != std::string::npos;
}

}  // namespace sf
