// A data set made by a test.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"

namespace sf {

class Videos final : public Dataset {
 public:
  // Labels count from 10.
  void add(const std::string& path, std::string fault = {}) {
    items_.push_back({.path = path, .label = 10 + size(), .fault = std::move(fault)});
  }
  int64_t size() const override { return int64_t(items_.size()); }
  const VideoItem& video(int64_t index) const override { return items_.at(size_t(index)); }

 private:
  std::vector<VideoItem> items_;
};

}  // namespace sf
