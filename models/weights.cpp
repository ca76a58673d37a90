#include "models/weights.h"

#include <cmath>
#include <map>
#include <set>

#include "kernels/base/counter_rng.h"

namespace sf {
namespace {

struct Range {
  float lo, hi;
};

bool contains(const std::string& name, std::string_view part) {
  return name.find(part) != std::string::npos;
}

Range symmetric(double bound) { return {float(-bound), float(bound)}; }

Range counter_range(const std::string& name, const Shape& shape) {
  if (name.ends_with("running_mean")) return symmetric(0.1);
  if (name.ends_with("running_var")) return {0.5f, 1.5f};
  if (name.ends_with("bias")) return symmetric(0.1);
  if (shape.rank() == 1 && name.ends_with("weight")) return {0.5f, 1.0f};
  const double fan_in = double(shape.numel() / std::max<int64_t>(shape[0], 1));
  if (shape.rank() == 2) return symmetric(std::sqrt(3 / fan_in));
  if (shape.rank() < 2) return symmetric(0.1);
  double bound = std::sqrt(6 / fan_in);
  if (contains(name, "branch2.b.weight")) bound /= 2;
  for (const char* part : {"branch2.c.weight", "conv_out.weight", "conv_theta.weight",
                           "conv_phi.weight", "conv_g.weight"})
    if (contains(name, part)) bound /= 4;
  return symmetric(bound);
}

bool is_counter(const std::string& name) { return name.ends_with("num_batches_tracked"); }

}  // namespace

std::vector<float> counter_uniform(const std::string& name, int64_t n, float lo, float hi) {
  const CounterRng rng(name);
  std::vector<float> values(size_t(n), 0);
  for (size_t i = 0; i < values.size(); ++i) values[i] = rng.uniform(i, lo, hi);
  return values;
}

void fill_counter_weights(const Model& model) {
  for (const Parameter& p : model.parameters()) {
    const Shape& s = p.tensor.shape();
    // The generator counts in the checkpoints' order, O I T H W.
    const Shape published = s.rank() == 5 ? Shape{s[0], s[4], s[1], s[2], s[3]} : s;
    const auto [lo, hi] = counter_range(p.name, published);
    const Tensor values = Tensor::from(counter_uniform(p.name, s.numel(), lo, hi), published);
    p.tensor.copy_from(channels_last_from_first(values).to(p.tensor.dtype()));
  }
}

LoadReport load_weights(const Model& model, const NamedTensors& tensors) {
  std::map<std::string, const Parameter*> wanted;
  for (const Parameter& p : model.parameters()) wanted[p.name] = &p;
  LoadReport report;
  std::set<std::string> seen;
  for (const auto& [name, tensor] : tensors) {
    const auto parameter = wanted.find(name);
    if (parameter == wanted.end()) {
      if (!is_counter(name)) report.unused.push_back(name);
      continue;
    }
    seen.insert(name);
    const Tensor& to = parameter->second->tensor;
    if (to.shape() != tensor.shape()) {
      report.mismatched.push_back({name, to.shape(), tensor.shape()});
      continue;
    }
    to.copy_from(tensor.to(to.dtype()));
    report.loaded.push_back(name);
  }
  for (const Parameter& p : model.parameters())
    if (!seen.contains(p.name)) report.missing.push_back(p.name);
  return report;
}

std::vector<std::string> LoadReport::lines() const {
  std::vector<std::string> out;
  for (const auto& m : mismatched)
    out.push_back(cat("Network weights ", m.name, " not loaded: wanted ", m.wanted, ", found ",
                      m.found, "."));
  for (const auto& name : missing)
    out.push_back(cat("Network weights ", name, " not loaded: not in the file."));
  for (const auto& name : unused) out.push_back(cat("Network weights ", name, " not used."));
  out.push_back(cat(loaded.size(), " tensors loaded, ", missing.size() + mismatched.size(),
                    " not loaded, ", unused.size(), " not used."));
  return out;
}

}  // namespace sf
