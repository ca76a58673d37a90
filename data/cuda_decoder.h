// NVIDIA's video decoder (NVDEC), through FFmpeg. For the sources of the video reader, but for the
// first function.
#pragma once

#include <string>

struct AVCodecContext;
struct AVFrame;

namespace sf {

class DeviceQueue;
struct VideoInfo;

// Why there is no such decoder here, in one line; empty if its libraries are there.
std::string cuda_decoder_fault();

// Lets a codec that is not open yet decode on the queue's CUDA device, in the order of its work,
// what the decoder takes: pictures of the video's size, of an even height, of 8 bits and 4:2:0 in a
// codec that the device knows. Such frames are AV_PIX_FMT_CUDA; all others are decoded on the CPU.
// `info` must outlive the codec. Throws with FFmpeg's reason.
void decode_on_cuda(AVCodecContext& codec, const VideoInfo& info, const DeviceQueue& queue);

// Warns that the CPU has decoded a frame, once for each codec and pixel format.
void warn_of_cpu_decoding(const std::string& path, const VideoInfo& info, const AVFrame& frame);

}  // namespace sf
