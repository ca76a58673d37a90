#include "models/weights.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "kernels/base/counter_rng.h"
#include "layers/conv.h"
#include "models/torchvision_names.h"
#include "tensor/mapped_file.h"

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

// O I H W to O T H W I, each slice of time 1 / T of the whole.
Tensor inflated(const Tensor& flat, const Shape& wanted) {
  const Shape& s = flat.shape();
  const Tensor in = flat.to(DType::f32);
  Tensor out({wanted});
  const int64_t frames = wanted[1], plane = s[2] * s[3], channels = s[1];
  const float *from = in.span<float>().data(), scale = 1 / float(frames);
  float* to = out.span<float>().data();
  for (int64_t o = 0; o < s[0]; ++o)
    for (int64_t t = 0; t < frames; ++t)
      for (int64_t p = 0; p < plane; ++p)
        for (int64_t c = 0; c < channels; ++c)
          to[((o * frames + t) * plane + p) * channels + c] =
              from[(o * channels + c) * plane + p] * scale;
  return out;
}

// The tensor in the wanted shape, or an empty one where it does not fit.
Tensor fit(const Tensor& tensor, const Shape& wanted, bool inflate) {
  const Shape& found = tensor.shape();
  if (found == wanted) return tensor;
  if (inflate && found.rank() == 4 && wanted.rank() == 5 &&
      found == Shape{wanted[0], wanted[4], wanted[2], wanted[3]})
    return inflated(tensor, wanted);
  // O I and O 1 1 1 I hold the same numbers in the same order.
  if (found.rank() == 2 && wanted == Shape{found[0], 1, 1, 1, found[1]})
    return tensor.reshape(wanted);
  return {};
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

LoadReport load_weights(const Model& model, const NamedTensors& tensors, const LoadRules& rules) {
  std::map<std::string, const Parameter*> wanted;
  for (const Parameter& p : model.parameters()) wanted[p.name] = &p;
  const bool torchvision = has_torchvision_names(tensors);
  LoadReport report;
  std::set<std::string> seen;
  for (const auto& [given, tensor] : tensors) {
    std::string name = torchvision ? from_torchvision_name(given) : given;
    for (const std::string& pattern : rules.clear_name_patterns)
      if (const size_t at = name.find(pattern); at != std::string::npos)
        name.erase(at, pattern.size());
    const auto parameter = wanted.find(name);
    if (parameter == wanted.end()) {
      if (!is_counter(name) && !is_batch_norm_split(name)) report.unused.push_back(given);
      continue;
    }
    SF_CHECK(seen.insert(name).second, "weights: two tensors are for ", name);
    const Tensor& to = parameter->second->tensor;
    const Shape found = tensor.shape();
    const Tensor fitted = fit(tensor, to.shape(), rules.inflate);
    if (!fitted && is_batch_norm_split(name)) {
      seen.erase(name);
      continue;
    }
    if (!fitted) {
      report.mismatched.push_back({name, to.shape(), found});
      continue;
    }
    if (fitted.dtype() == to.dtype())
      to.copy_from(fitted);
    else
      to.copy_from(fitted.to(to.dtype()));
    report.loaded.push_back(name);
    if (found.rank() == 4) report.inflated.push_back({name, to.shape(), found});
  }
  bool spread = false;
  for (const Parameter& p : model.parameters()) {
    if (seen.contains(p.name)) continue;
    if (is_batch_norm_split(p.name))
      spread = true;
    else
      report.missing.push_back(p.name);
  }
  if (spread) spread_batch_norm_splits(model);
  return report;
}

std::vector<std::string> LoadReport::lines() const {
  std::vector<std::string> out;
  for (const auto& m : inflated)
    out.push_back(cat("Inflate ", m.name, ": ", m.found, " -> ", m.wanted, "."));
  for (const auto& m : mismatched)
    out.push_back(cat("Network weights ", m.name, " not loaded: wanted ", m.wanted, ", found ",
                      m.found, "."));
  for (const auto& name : missing)
    out.push_back(cat("Network weights ", name, " not loaded: not in the file."));
  for (const auto& name : unused)
    out.push_back(cat("Network weights ", printable(name), " not used."));
  out.push_back(cat(loaded.size(), " tensors loaded, ", missing.size() + mismatched.size(),
                    " not loaded, ", unused.size(), " not used."));
  return out;
}

}  // namespace sf
