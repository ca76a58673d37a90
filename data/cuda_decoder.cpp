#include "data/cuda_decoder.h"

#include <memory>
#include <mutex>
#include <set>

#include "data/ffmpeg_handles.h"
#include "data/video_reader.h"
#include "kernels/base/error.h"
#include "kernels/base/warning.h"

// The two of CUDA's types that FFmpeg's header wants, in the place of CUDA's headers.
#define CUDA_VERSION 1
using CUcontext = struct CUctx_st*;
using CUstream = struct CUstream_st*;
extern "C" {
#include <libavutil/hwcontext_cuda.h>
}

namespace sf {
namespace {

// Frees what it is the last to refer to.
struct BufferDeleter {
  void operator()(AVBufferRef* p) const { ffmpeg().av_buffer_unref(&p); }
};
using DeviceHandle = std::unique_ptr<AVBufferRef, BufferDeleter>;

// The thread's.
CUcontext current_context() {
  using GetCurrent = int(CUcontext*);
  static GetCurrent* const get_current = SharedLibrary("libcuda.so.1").symbol("cuCtxGetCurrent");
  CUcontext context = nullptr;
  SF_CHECK(get_current(&context) == 0 && context, "CUDA decoder: wanted a context, found none");
  return context;
}

// The device's format where the video fits, else the CPU's. Called with the formats that a video
// can be decoded to, the CPU's last; again, without the device's, where that could not be set up.
AVPixelFormat choose_format(AVCodecContext* codec, const AVPixelFormat* formats) {
  const auto& info = *static_cast<const VideoInfo*>(codec->opaque);
  const AVPixelFormat on_cpu = codec->sw_pix_fmt;
  const bool fits = (on_cpu == AV_PIX_FMT_YUV420P || on_cpu == AV_PIX_FMT_YUVJ420P) &&
                    codec->width == info.width && codec->height == info.height &&
                    info.height % 2 == 0;
  for (; *formats != AV_PIX_FMT_NONE; ++formats)
    if (*formats == on_cpu || (*formats == AV_PIX_FMT_CUDA && fits)) break;
  return *formats;
}

}  // namespace

std::string cuda_decoder_fault() {
  try {
    if (!DeviceHandle(ffmpeg().av_hwdevice_ctx_alloc(AV_HWDEVICE_TYPE_CUDA)))
      return "FFmpeg is built without CUDA";
    const SharedLibrary decoder("libnvcuvid.so.1");
  } catch (const Error& e) { return e.what(); }
  return {};
}

void decode_on_cuda(AVCodecContext& codec, const VideoInfo& info, const DeviceQueue& queue) {
  DeviceHandle device(ffmpeg().av_hwdevice_ctx_alloc(AV_HWDEVICE_TYPE_CUDA));
  SF_CHECK(device, "CUDA decoder: ", cuda_decoder_fault());
  auto& cuda =
      *static_cast<AVCUDADeviceContext*>(reinterpret_cast<AVHWDeviceContext*>(device->data)->hwctx);
  queue.run([&](Queue) { cuda.cuda_ctx = current_context(); });
  cuda.stream = static_cast<CUstream>(queue.stream());
  const int result = ffmpeg().av_hwdevice_ctx_init(device.get());
  SF_CHECK(result >= 0, "CUDA decoder: ", ffmpeg_message(result));
  codec.hw_device_ctx = device.release();
  codec.opaque = const_cast<VideoInfo*>(&info);
  codec.get_format = choose_format;
}

void warn_of_cpu_decoding(const std::string& path, const VideoInfo& info, const AVFrame& frame) {
  static std::mutex mutex;
  static std::set<std::string> warned;
  const char* format = ffmpeg().av_get_pix_fmt_name(AVPixelFormat(frame.format));
  const std::string found = cat(info.codec, " ", format ? format : "of an unknown format");
  const std::lock_guard lock(mutex);
  if (!warned.insert(found).second) return;
  warn(cat(path, ": wanted a video that the CUDA decoder takes, found ", found, " of ", info.width,
           "x", info.height, " pixels; the CPU decodes it, and others like it"));
}

}  // namespace sf
