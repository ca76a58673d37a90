#include "apps/engine/optimizer_import.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kernels/base/error.h"
#include "tensor/bounded_json.h"
#include "tensor/mapped_file.h"

namespace sf {
namespace {

using nlohmann::json;

constexpr const char* kGroups = "param_groups";
constexpr std::array<std::string_view, 3> kKinds{"momentum_buffer", "exp_avg", "exp_avg_sq"};

int64_t place(const json& group, const char* key) {
  SF_CHECK(group.is_object() && group.contains(key) && group[key].is_number_unsigned(),
           "optimizer: wanted '", key, "' of each group");
  return group[key].get<int64_t>();
}

// How many parameters each group of the file has.
std::vector<int64_t> group_sizes(const std::string& text) {
  const json groups = parse_bounded_json(text, kGroups);
  SF_CHECK(groups.is_array(), "optimizer: wanted a list of groups, found ", groups.type_name());
  std::vector<int64_t> sizes;
  for (const json& group : groups)
    if (const int64_t size = place(group, "end") - place(group, "begin"); size != 0)
      sizes.push_back(size);
  return sizes;
}

int64_t whole_number(const Tensor& tensor) {
  SF_CHECK(tensor.numel() == 1, "optimizer: wanted one number of steps, found ", tensor.type());
  const double value = tensor.to(DType::f64).span<double>()[0];
  SF_CHECK(value >= 0 && value < 1e15, "optimizer: wanted a number of steps, found ", value);
  return int64_t(value);
}

}  // namespace

bool has_pytorch_optimizer(const Checkpoint& checkpoint) {
  return !checkpoint.optimizer.empty() && checkpoint.text.contains(kGroups);
}

ImportedOptimizer import_optimizer(const Checkpoint& checkpoint,
                                   const std::vector<std::vector<Parameter>>& groups) {
  const auto described = checkpoint.text.find(kGroups);
  SF_CHECK(described != checkpoint.text.end(), "optimizer: wanted '", kGroups, "', found none");
  std::vector<const Parameter*> parameters;
  std::vector<int64_t> sizes;
  for (const auto& group : groups) {
    if (!group.empty()) sizes.push_back(int64_t(group.size()));
    for (const Parameter& p : group) parameters.push_back(&p);
  }
  const std::vector<int64_t> found = group_sizes(described->second);
  SF_CHECK(found == sizes, "optimizer: wanted groups of ", fmt::format("{}", sizes),
           " parameters, found ", fmt::format("{}", found));

  ImportedOptimizer out;
  for (const auto& [name, tensor] : checkpoint.optimizer) {
    size_t index = 0;
    const char* end = name.data() + name.size();
    const auto [dot, error] = std::from_chars(name.data(), end, index);
    SF_CHECK(error == std::errc() && dot != end && *dot == '.' && index < parameters.size(),
             "optimizer tensor ", printable(name), ": wanted a parameter below ",
             parameters.size());
    const std::string_view kind(dot + 1, end);
    if (kind == "step") out.steps = std::max(out.steps, whole_number(tensor));
    if (std::ranges::find(kKinds, kind) == kKinds.end()) continue;
    const Parameter& p = *parameters[index];
    SF_CHECK(tensor.shape() == p.tensor.shape(), "optimizer tensor ", printable(name),
             ": wanted the ", p.tensor.shape(), " of ", p.name, ", found ", tensor.shape());
    out.tensors.emplace_back(cat(p.name, "/", kind), tensor);
  }
  if (!out.tensors.empty()) out.steps = std::max<int64_t>(out.steps, 1);
  return out;
}

}  // namespace sf
