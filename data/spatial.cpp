#include "data/spatial.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/base/error.h"

namespace sf {

void check_box(PictureSize size, Box box) {
  SF_CHECK(box.y >= 0 && box.x >= 0 && box.height > 0 && box.width > 0 &&
               box.y + box.height <= size.height && box.x + box.width <= size.width,
           "crop: wanted a box within ", size.height, "x", size.width, ", found ", box.height, "x",
           box.width, " at ", box.y, ",", box.x);
}

void normalize(const ClipView& clip, const Normalization& n) {
  const int64_t values = clip.frames * clip.frame_floats();
  for (int64_t i = 0; i < values; i += 3) {
    float* const pixel = clip.data + i;
    for (size_t c = 0; c < 3; ++c) pixel[c] = (pixel[c] - n.mean[c]) / n.std[c];
    if (n.reverse_channels) std::swap(pixel[0], pixel[2]);
  }
}

PictureSize short_side_size(PictureSize original, int size) {
  SF_CHECK(original.height > 0 && original.width > 0 && size > 0,
           "resize: wanted positive sizes, found ", original.height, "x", original.width, " to ",
           size);
  const auto longer = [&](int a, int b) {
    const double side = std::floor(double(a) / double(b) * size);
    SF_CHECK(side < double(1 << 24), "resize: wanted a picture less narrow than ", original.height,
             "x", original.width);
    return int(side);
  };
  const auto [h, w] = original;
  if (std::min(h, w) == size) return original;
  return w < h ? PictureSize{longer(h, w), size} : PictureSize{size, longer(w, h)};
}

Box uniform_crop(PictureSize picture, int size, int index) {
  SF_CHECK(index >= 0 && index < 3, "crop: wanted crop 0, 1 or 2, found ", index);
  SF_CHECK(size > 0 && size <= picture.height && size <= picture.width,
           "crop: wanted a crop within ", picture.height, "x", picture.width, ", found ", size);
  Box box{(picture.height - size + 1) / 2, (picture.width - size + 1) / 2, size, size};
  int& offset = picture.height > picture.width ? box.y : box.x;
  if (index == 0) offset = 0;
  if (index == 2) offset = std::max(picture.height, picture.width) - size;
  return box;
}

Box enclosing(std::span<const Box> boxes) {
  SF_CHECK(!boxes.empty(), "crop: wanted at least one box");
  Box all = boxes[0];
  for (const Box& b : boxes) {
    const int bottom = std::max(all.y + all.height, b.y + b.height);
    const int right = std::max(all.x + all.width, b.x + b.width);
    all.y = std::min(all.y, b.y);
    all.x = std::min(all.x, b.x);
    all.height = bottom - all.y;
    all.width = right - all.x;
  }
  return all;
}

Picture part_of(const Picture& picture, Box box) {
  check_box({picture.height, picture.width}, box);
  return {picture.row(box.y) + 3 * int64_t(box.x), picture.stride, box.width, box.height};
}

Resampler::Resampler(PictureSize source, PictureSize size, Box box,
                     const Normalization& normalization, bool mirror, DeviceQueue queue)
    : problem_{.in_height = source.height,
               .in_width = source.width,
               .height = size.height,
               .width = size.width,
               .top = box.y,
               .left = box.x,
               .out_height = box.height,
               .out_width = box.width,
               .mirror = mirror,
               .mean = normalization.mean,
               .std = normalization.std,
               .reverse_channels = normalization.reverse_channels},
      queue_(std::move(queue)),
      kernel_(select(resample_kernels(queue_.device().backend), problem_)) {
  check_box(size, box);
  SF_CHECK(kernel_, "resize: no kernel on ", queue_.device().name());
  if (kernel_->prepare) prepared_ = kernel_->prepare(problem_);
  if (kernel_->workspace_bytes)
    workspace_.resize(kernel_->workspace_bytes(problem_, prepared_.get()));
}

void Resampler::run(const Picture& picture, float* out) {
  SF_CHECK(picture.height == problem_.in_height && picture.width == problem_.in_width,
           "resize: wanted a picture of ", problem_.in_height, "x", problem_.in_width, ", found ",
           picture.height, "x", picture.width);
  problem_.row_bytes = picture.stride;
  queue_.run([&](Queue queue) {
    kernel_->run(problem_, {.x = picture.data, .y = out}, prepared_.get(), workspace_.data(),
                 queue);
  });
}

}  // namespace sf
