// Clips made on a device, beside those of the CPU.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "data/test_loader.h"
#include "data/train_loader.h"

namespace sf {

// How far a colour of a picture may lie from libswscale's, of 255: with vectors of x86 libswscale
// rounds as kernels/nv12 does; its tables, elsewhere, differed by at most 3 over random colours.
inline int colour_bound() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("ssse3") ? 0 : 3;
#else
  return 3;
#endif
}

inline std::vector<float> values_on_host(const Tensor& t) {
  const Tensor host = t.to(Device{});
  return {host.span<float>().begin(), host.span<float>().end()};
}

// A clip is a weighted mean of colours / 255 / std, less what the mean gives: the bound of a colour
// in those units, and roundings of values up to 3 where there is one.
inline void expect_clips(const std::vector<Tensor>& found, const std::vector<Tensor>& wanted,
                         float std) {
  ASSERT_EQ(found.size(), wanted.size());
  const float bound = float(colour_bound()) * (1 / (255 * std) + 1e-6F);
  for (size_t p = 0; p < found.size(); ++p) {
    ASSERT_EQ(found[p].shape(), wanted[p].shape());
    const auto f = values_on_host(found[p]), w = values_on_host(wanted[p]);
    float most = 0;
    for (size_t i = 0; i < f.size(); ++i) most = std::max(most, std::abs(f[i] - w[i]));
    EXPECT_LE(most, bound) << "pathway " << p;
  }
}

inline std::vector<TestItem> test_items(const Dataset& videos, TestLoaderOptions options,
                                        Device device) {
  options.device = device;
  TestLoader loader(videos, options);
  std::vector<TestItem> items;
  while (auto item = loader.next()) items.push_back(std::move(*item));
  return items;
}

inline std::vector<TrainBatch> train_batches(const Dataset& videos, TrainLoaderOptions options,
                                             Device device) {
  options.device = device;
  TrainLoader loader(videos, options);
  loader.start(0);
  std::vector<TrainBatch> batches;
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  return batches;
}

// Both loaders give on the device what they give on the CPU.
inline void expect_test_clips(const Dataset& videos, const TestLoaderOptions& options,
                              Device device) {
  const auto found = test_items(videos, options, device), wanted = test_items(videos, options, {});
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].video, wanted[i].video);
    EXPECT_EQ(found[i].fault, wanted[i].fault);
    for (const Tensor& t : found[i].pathways) EXPECT_EQ(t.device(), device);
    expect_clips(found[i].pathways, wanted[i].pathways, options.normalization.std[0]);
  }
}

inline void expect_train_clips(const Dataset& videos, const TrainLoaderOptions& options,
                               Device device) {
  const auto found = train_batches(videos, options, device),
             wanted = train_batches(videos, options, {});
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].videos, wanted[i].videos);
    EXPECT_EQ(found[i].labels, wanted[i].labels);
    for (const Tensor& t : found[i].pathways) EXPECT_EQ(t.device(), device);
    expect_clips(found[i].pathways, wanted[i].pathways, options.normalization.std[0]);
  }
}

}  // namespace sf
