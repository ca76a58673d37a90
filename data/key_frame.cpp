#include "data/key_frame.h"

#include <algorithm>
#include <cctype>
#include <limits>

#include "kernels/base/error.h"

namespace sf {

void FrameList::add(std::string_view path) {
  paths_ += path;
  SF_CHECK(paths_.size() <= std::numeric_limits<uint32_t>::max(),
           "frame list: wanted less than 4 GiB of paths of a video");
  ends_.push_back(uint32_t(paths_.size()));
}

std::filesystem::path FrameList::path(int64_t i) const {
  SF_CHECK(i >= 0 && i < size(), "frame list: wanted a frame in [0, ", size(), "), found ", i);
  const size_t begin = i == 0 ? 0 : ends_[size_t(i - 1)];
  return folder_ / std::string_view(paths_).substr(begin, ends_[size_t(i)] - begin);
}

bool FrameList::is_video_file() const {
  if (size() != 1) return false;
  std::string ending = path(0).extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return std::tolower(c); });
  return ending != ".jpg" && ending != ".jpeg";
}

}  // namespace sf
