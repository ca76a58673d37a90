#include "data/spatial.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/error.h"

namespace sf {
namespace {

// The two neighbours of an output position and their weights.
PixelPair neighbours(int in, int out, int position) {
  const float scale = float(in) / float(out);
  const float at = std::max(scale * (float(position) + 0.5f) - 0.5f, 0.0f);
  const int near = std::min(int(at), in - 1);
  const float weight = std::clamp(at - float(near), 0.0f, 1.0f);
  return {near, near + (near < in - 1 ? 1 : 0), 1.0f - weight, weight};
}

void check_box(PictureSize size, Box box) {
  SF_CHECK(box.y >= 0 && box.x >= 0 && box.height > 0 && box.width > 0 &&
               box.y + box.height <= size.height && box.x + box.width <= size.width,
           "crop: wanted a box within ", size.height, "x", size.width, ", found ", box.height, "x",
           box.width, " at ", box.y, ",", box.x);
}

}  // namespace

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

Resampler::Taps Resampler::taps(int in, int out, int first, int count) {
  Taps all;
  for (int i = 0; i < count; ++i) all.push_back(neighbours(in, out, first + i));
  return all;
}

Resampler::Resampler(PictureSize source, PictureSize size, Box box, Normalization normalization,
                     bool mirror)
    : source_(source),
      resizes_(source != size),
      box_((check_box(size, box), box)),
      channel_{normalization.reverse_channels ? 2 : 0, 1, normalization.reverse_channels ? 0 : 2},
      vertical_(taps(source.height, size.height, box.y, box.height)),
      horizontal_(taps(source.width, size.width, box.x, box.width)),
      begin_(horizontal_.front().near),
      end_(horizontal_.back().far + 1) {
  for (size_t c = 0; c < 3; ++c) {
    for (int v = 0; v < 256; ++v) {
      normalize_[c][size_t(v)] = (float(v) / 255.0f - normalization.mean[c]) / normalization.std[c];
    }
  }
  if (mirror) std::reverse(horizontal_.begin(), horizontal_.end());
  for (PixelPair& p : horizontal_) {
    p.near *= 3;
    p.far *= 3;
  }
  // Pixels are read and written as vectors of four.
  normalized_.resize(size_t(source.width) * 3 + 1);
  for (auto& row : rows_) row.resize(size_t(box.width) * 3 + 1);
}

// Normalises the columns of row y of the picture that the box needs, each to its place in `row`.
void Resampler::fill_row(const Picture& picture, int y, float* row) {
  const uint8_t* in = picture.row(y);
  const auto& [red, green, blue] = normalize_;
  const auto [r, g, b] = channel_;
  const int end = end_;
  for (int x = begin_; x < end; ++x) {
    row[3 * x + r] = red[in[3 * x]];
    row[3 * x + g] = green[in[3 * x + 1]];
    row[3 * x + b] = blue[in[3 * x + 2]];
  }
}

// Row y of the picture, normalised and resized horizontally; remembers two, since neighbouring
// output rows share them.
const float* Resampler::resized_row(const Picture& picture, int y) {
  const size_t slot = size_t(y) % 2;
  float* out = rows_[slot].data();
  if (rows_y_[slot] == y) return out;
  fill_row(picture, y, normalized_.data());
  blend_pixels(normalized_.data(), horizontal_, out);
  rows_y_[slot] = y;
  return out;
}

void Resampler::run(const Picture& picture, float* out) {
  SF_CHECK((PictureSize{picture.height, picture.width} == source_), "resize: wanted a picture of ",
           source_.height, "x", source_.width, ", found ", picture.height, "x", picture.width);
  const int64_t row_floats = int64_t(box_.width) * 3;
  rows_y_ = {-1, -1};
  for (int y = 0; y < box_.height; ++y, out += row_floats) {
    if (!resizes_) {
      fill_row(picture, box_.y + y, normalized_.data());
      for (int x = 0; x < box_.width; ++x)
        std::copy_n(&normalized_[size_t(horizontal_[size_t(x)].near)], 3, out + 3 * x);
      continue;
    }
    const PixelPair& v = vertical_[size_t(y)];
    const float* near = resized_row(picture, v.near);
    const float* far = resized_row(picture, v.far);
    blend_rows(near, v.near_weight, far, v.far_weight, row_floats, out);
  }
}

Tensor resample_reference(const Picture& picture, PictureSize size, Box box,
                          const Normalization& n) {
  check_box(size, box);
  Tensor out({Shape{box.height, box.width, 3}, DType::f32});
  float* to = out.span<float>().data();
  for (int y = 0; y < box.height; ++y) {
    const PixelPair v = neighbours(picture.height, size.height, box.y + y);
    for (int x = 0; x < box.width; ++x) {
      const PixelPair h = neighbours(picture.width, size.width, box.x + x);
      for (int c = 0; c < 3; ++c) {
        const int channel = n.reverse_channels ? 2 - c : c;
        const auto pixel = [&](int py, int px) {
          const float value = float(picture.row(py)[3 * px + channel]);
          return (value / 255.0f - n.mean[size_t(channel)]) / n.std[size_t(channel)];
        };
        const float near =
            h.near_weight * pixel(v.near, h.near) + h.far_weight * pixel(v.near, h.far);
        const float far = h.near_weight * pixel(v.far, h.near) + h.far_weight * pixel(v.far, h.far);
        *to++ = v.near_weight * near + v.far_weight * far;
      }
    }
  }
  return out;
}

}  // namespace sf
