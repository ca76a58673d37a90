// Reads the stored numbers of the original implementation (tests/golden/README.md).
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/engine/inference.h"
#include "apps/engine/stored_batch.h"
#include "configs/config.h"
#include "tensor/safetensors.h"

namespace sf {

inline std::filesystem::path golden_dir() {
  return std::filesystem::path(SF_SOURCE_DIR) / "tests" / "golden";
}

struct SmallCase {
  explicit SmallCase(const std::string& name)
      : SmallCase(name, golden_dir() / "small" / (name + ".safetensors")) {}
  SmallCase(const std::string& name, const std::filesystem::path& path)
      : name(name), file(read_safetensors(path)) {
    for (const auto& option : nlohmann::json::parse(file.metadata.at("opts")))
      overrides.push_back(option.is_string() ? option.get<std::string>() : to_python(option));
    config =
        Config::load(std::filesystem::path(SF_SOURCE_DIR) / file.metadata.at("config"), overrides);
  }

  // The configuration as arguments of a command.
  std::string arguments() const {
    std::string text = " --cfg " + file.metadata.at("config");
    for (const std::string& part : overrides) text += " " + part;
    return text;
  }

  // The stored batch.
  std::vector<std::vector<Tensor>> batch(DType dtype) const;

  static std::string to_python(const nlohmann::json& value) {
    if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
    return value.dump();
  }

  std::string name;
  Safetensors file;
  std::vector<std::string> overrides;
  Config config;
};

// The pathways of a batch, N C T H W each, as clips of T H W C.
inline std::vector<std::vector<Tensor>> clips_of(const std::vector<Tensor>& pathways, DType dtype) {
  std::vector<Tensor> channels_last;
  for (const Tensor& pathway : pathways)
    channels_last.push_back(channels_last_from_first(pathway).to(dtype));
  return split_clips(channels_last);
}

// Of all elements as one vector.
inline double norm(const Tensor& tensor) {
  const Tensor values = tensor.to(Device{}).to(DType::f64);
  double sum = 0;
  for (const double v : values.span<double>()) sum += v * v;
  return std::sqrt(sum);
}

inline std::vector<std::vector<Tensor>> SmallCase::batch(DType dtype) const {
  std::vector<Tensor> pathways;
  for (int p = 0; file.contains(cat("input.", p)); ++p)
    pathways.push_back(file.at(cat("input.", p)));
  auto clips = clips_of(pathways, dtype);
  if (file.contains("boxes")) add_boxes(clips, file.at("boxes").to(dtype));
  return clips;
}

inline double difference(std::span<const float> found, std::span<const float> wanted) {
  EXPECT_EQ(found.size(), wanted.size());
  double worst = 0;
  for (size_t i = 0; i < std::min(found.size(), wanted.size()); ++i)
    worst = std::max(worst, std::abs(double(found[i]) - wanted[i]));
  return worst;
}

// Largest difference, as a share of the largest wanted value.
inline double relative_difference(std::span<const float> found, std::span<const float> wanted) {
  double largest = 0;
  for (const float v : wanted) largest = std::max(largest, std::abs(double(v)));
  return difference(found, wanted) / largest;
}

// Stored are float32 results of another summation order: 1e-5 of a probability, 1e-4 of the largest
// logit.
inline void expect_stored_scores(const Model& model, const SmallCase& golden, Device device = {}) {
  const auto clips = golden.batch(DType::f32);
  Inference network(model, clips[0][0].shape()[1], {.device = device, .max_batch = 2});
  const auto result = network.run(clips);
  EXPECT_LT(difference(result.scores.span<float>(), golden.file.at("eval.output").span<float>()),
            1e-5);
  EXPECT_LT(
      relative_difference(result.logits.span<float>(), golden.file.at("eval.logits").span<float>()),
      1e-4);
}

// Frames floor(linspace(0, T - 1, count)) of a clip N C T H W.
inline Tensor slow_frames(const Tensor& fast, int64_t count) {
  const Shape& s = fast.shape();
  Tensor slow({{s[0], s[1], count, s[3], s[4]}, fast.dtype()});
  const int64_t plane = s[3] * s[4];
  for (int64_t nc = 0; nc < s[0] * s[1]; ++nc)
    for (int64_t t = 0; t < count; ++t) {
      const int64_t from = count == 1 ? 0 : t * (s[2] - 1) / (count - 1);
      std::copy_n(fast.span<float>().data() + (nc * s[2] + from) * plane, plane,
                  slow.span<float>().data() + (nc * count + t) * plane);
    }
  return slow;
}

struct Statistics {
  double mean = 0, deviation = 0, largest = 0;  // the deviation of a sample, divided by n - 1
};

inline Statistics statistics(const Tensor& tensor) {
  Statistics s;
  const auto values = tensor.span<float>();
  for (float v : values) {
    s.mean += double(v) / double(values.size());
    s.largest = std::max(s.largest, std::abs(double(v)));
  }
  for (float v : values) s.deviation += (double(v) - s.mean) * (double(v) - s.mean);
  s.deviation = std::sqrt(s.deviation / double(values.size() - 1));
  return s;
}

}  // namespace sf
