#include "data/frame_converter.h"

#include <utility>

#include "kernels/base/error.h"
#include "kernels/nv12/nv12.h"

namespace sf {
namespace {

// Cb and Cr of one row in turn.
void interleave(const uint8_t* cb, const uint8_t* cr, int pairs, uint8_t* to) {
  for (int x = 0; x < pairs; ++x) {
    to[2 * x] = cb[x];
    to[2 * x + 1] = cr[x];
  }
}

}  // namespace

FrameConverter::FrameConverter(std::string path, BatchMemory memory, DeviceQueue queue)
    : path_(std::move(path)), memory_(std::move(memory)), queue_(std::move(queue)) {}

FrameConverter::~FrameConverter() {
  try {
    queue_.synchronize(path_);
  } catch (const Error&) {}  // whoever waits for the work is told
}

Picture FrameConverter::run(const AVFrame& frame, AVPixelFormat format, PictureSize size) {
  if (queue_.device().backend == Backend::cpu) return scaled(frame, size);
  const bool full_range = format == AV_PIX_FMT_YUVJ420P;
  const PictureSize found{frame.height - int(frame.crop_top), frame.width - int(frame.crop_left)};
  if (frame.format == AV_PIX_FMT_CUDA) {
    SF_CHECK(found == size && frame.crop_top % 2 == 0 && frame.crop_left % 2 == 0, path_,
             ": wanted ", size.width, "x", size.height, " pixels of the CUDA decoder, found ",
             found.width, "x", found.height, " from ", frame.crop_left, ",", frame.crop_top);
    const int64_t luma_bytes = frame.linesize[0], chroma_bytes = frame.linesize[1];
    const auto top = int64_t(frame.crop_top), left = int64_t(frame.crop_left);
    const Picture picture = converted({.luma = frame.data[0] + top * luma_bytes + left,
                                       .chroma = frame.data[1] + top / 2 * chroma_bytes + left,
                                       .luma_bytes = luma_bytes,
                                       .chroma_bytes = chroma_bytes},
                                      size, full_range);
    queue_.synchronize(path_);  // the decoder may write there again
    return picture;
  }
  // Of odd heights libswscale filters chroma.
  const bool planar = frame.format == AV_PIX_FMT_YUV420P || frame.format == AV_PIX_FMT_YUVJ420P;
  if (planar && PictureSize{frame.height, frame.width} == size && size.height % 2 == 0)
    return converted(uploaded(frame), size, full_range);
  return uploaded(scaled(frame, size));
}

Picture FrameConverter::scaled(const AVFrame& frame, PictureSize size) {
  rgb_.resize(size.width, size.height);
  // The filter matters for odd heights, other chroma layouts and streams that change their size.
  scaler_.reset(ffmpeg().sws_getCachedContext(
      scaler_.release(), frame.width, frame.height, AVPixelFormat(frame.format), size.width,
      size.height, AV_PIX_FMT_RGB24, SWS_BILINEAR, nullptr, nullptr, nullptr));
  SF_CHECK(scaler_ != nullptr, path_, ": no conversion from pixel format ", frame.format,
           " to RGB");
  uint8_t* to[4] = {rgb_.data()};
  const int strides[4] = {int(rgb_.stride())};
  const int rows =
      ffmpeg().sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, to, strides);
  SF_CHECK(rows == size.height, path_, ": conversion to RGB failed");
  return {rgb_.data(), rgb_.stride(), size.width, size.height};
}

Picture FrameConverter::uploaded(const Picture& picture) {
  const int64_t row = int64_t{3} * picture.width;
  uint8_t* to = at_least(row * picture.height, device_rgb_);
  queue_.copy_rows(to, picture.data,
                   {.rows = size_t(picture.height),
                    .bytes = size_t(row),
                    .to_pitch = size_t(row),
                    .from_pitch = size_t(picture.stride)});
  return {to, row, picture.width, picture.height};
}

FrameConverter::Nv12 FrameConverter::uploaded(const AVFrame& frame) {
  const int pairs = (frame.width + 1) / 2, rows = frame.height / 2;
  const int64_t luma = int64_t{frame.width} * frame.height, row = int64_t{2} * pairs;
  chroma_.resize(size_t(row * rows));
  for (int y = 0; y < rows; ++y)
    interleave(frame.data[1] + y * int64_t{frame.linesize[1]},
               frame.data[2] + y * int64_t{frame.linesize[2]}, pairs, &chroma_[size_t(y * row)]);
  uint8_t* to = at_least(luma + row * rows, device_nv12_);
  queue_.copy_rows(to, frame.data[0],
                   {.rows = size_t(frame.height),
                    .bytes = size_t(frame.width),
                    .to_pitch = size_t(frame.width),
                    .from_pitch = size_t(frame.linesize[0])});
  queue_.copy(to + luma, chroma_.data(), chroma_.size());
  return {.luma = to, .chroma = to + luma, .luma_bytes = frame.width, .chroma_bytes = row};
}

Picture FrameConverter::converted(const Nv12& from, PictureSize size, bool full_range) {
  const Nv12Problem p{.height = size.height,
                      .width = size.width,
                      .luma_bytes = from.luma_bytes,
                      .chroma_bytes = from.chroma_bytes,
                      .rgb_bytes = int64_t{3} * size.width,
                      .full_range = full_range};
  const Nv12Kernel* kernel = select(nv12_kernels(queue_.device().backend), p);
  SF_CHECK(kernel, path_, ": no conversion of ", size.width, "x", size.height, " pixels on ",
           queue_.device().name());
  uint8_t* rgb = at_least(p.rgb_bytes * p.height, device_rgb_);
  queue_.run([&](Queue queue) {
    kernel->run(p, {.luma = from.luma, .chroma = from.chroma, .rgb = rgb}, nullptr, nullptr, queue);
  });
  return {rgb, p.rgb_bytes, p.width, p.height};
}

uint8_t* FrameConverter::at_least(int64_t bytes, Tensor& held) {
  if (!held || held.numel() < bytes) {
    queue_.synchronize(path_);  // what still reads there
    held = memory_.tensor({Shape{bytes}, DType::u8});
  }
  return reinterpret_cast<uint8_t*>(held.data());
}

}  // namespace sf
