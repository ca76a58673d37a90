// FFmpeg's functions, for the sources of the video reader and writer only.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include "kernels/base/shared_library.h"

namespace sf {

// Not linked but loaded when the first of them is wanted: FFmpeg brings more than a hundred
// libraries, which cost 25 MB and, from a cold disk, 0.15 s. Commands without videos do without.
struct Ffmpeg {
// NOLINTNEXTLINE(bugprone-macro-parentheses): GCC takes no name in parentheses here.
#define SF_FFMPEG_FUNCTION(library, name) decltype(&::name) name = library.symbol(#name);
  SharedLibrary avutil{"libavutil.so." AV_STRINGIFY(LIBAVUTIL_VERSION_MAJOR)};
  SF_FFMPEG_FUNCTION(avutil, av_buffer_unref)
  SF_FFMPEG_FUNCTION(avutil, av_dict_free)
  SF_FFMPEG_FUNCTION(avutil, av_dict_set)
  SF_FFMPEG_FUNCTION(avutil, av_frame_alloc)
  SF_FFMPEG_FUNCTION(avutil, av_frame_free)
  SF_FFMPEG_FUNCTION(avutil, av_frame_get_buffer)
  SF_FFMPEG_FUNCTION(avutil, av_frame_make_writable)
  SF_FFMPEG_FUNCTION(avutil, av_freep)
  SF_FFMPEG_FUNCTION(avutil, av_get_pix_fmt_name)
  SF_FFMPEG_FUNCTION(avutil, av_hwdevice_ctx_alloc)
  SF_FFMPEG_FUNCTION(avutil, av_hwdevice_ctx_init)
  SF_FFMPEG_FUNCTION(avutil, av_log_set_level)
  SF_FFMPEG_FUNCTION(avutil, av_malloc)
  SF_FFMPEG_FUNCTION(avutil, av_max_alloc)
  SF_FFMPEG_FUNCTION(avutil, av_opt_set)
  SF_FFMPEG_FUNCTION(avutil, av_strerror)

  SharedLibrary avcodec{"libavcodec.so." AV_STRINGIFY(LIBAVCODEC_VERSION_MAJOR)};
  SF_FFMPEG_FUNCTION(avcodec, av_packet_alloc)
  SF_FFMPEG_FUNCTION(avcodec, av_packet_free)
  SF_FFMPEG_FUNCTION(avcodec, av_packet_new_side_data)
  SF_FFMPEG_FUNCTION(avcodec, av_packet_rescale_ts)
  SF_FFMPEG_FUNCTION(avcodec, av_packet_unref)
  SF_FFMPEG_FUNCTION(avcodec, av_parser_close)
  SF_FFMPEG_FUNCTION(avcodec, av_parser_init)
  SF_FFMPEG_FUNCTION(avcodec, av_parser_parse2)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_alloc_context3)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_find_decoder)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_find_encoder)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_find_encoder_by_name)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_flush_buffers)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_free_context)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_get_name)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_open2)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_parameters_alloc)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_parameters_copy)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_parameters_free)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_parameters_from_context)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_parameters_to_context)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_receive_frame)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_receive_packet)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_send_frame)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_send_packet)
  SF_FFMPEG_FUNCTION(avcodec, avcodec_version)

  SharedLibrary avformat{"libavformat.so." AV_STRINGIFY(LIBAVFORMAT_VERSION_MAJOR)};
  SF_FFMPEG_FUNCTION(avformat, av_interleaved_write_frame)
  SF_FFMPEG_FUNCTION(avformat, av_read_frame)
  SF_FFMPEG_FUNCTION(avformat, av_seek_frame)
  SF_FFMPEG_FUNCTION(avformat, av_write_trailer)
  SF_FFMPEG_FUNCTION(avformat, avformat_alloc_context)
  SF_FFMPEG_FUNCTION(avformat, avformat_alloc_output_context2)
  SF_FFMPEG_FUNCTION(avformat, avformat_close_input)
  SF_FFMPEG_FUNCTION(avformat, avformat_find_stream_info)
  SF_FFMPEG_FUNCTION(avformat, avformat_free_context)
  SF_FFMPEG_FUNCTION(avformat, avformat_new_stream)
  SF_FFMPEG_FUNCTION(avformat, avformat_open_input)
  SF_FFMPEG_FUNCTION(avformat, avformat_version)
  SF_FFMPEG_FUNCTION(avformat, avformat_write_header)
  SF_FFMPEG_FUNCTION(avformat, avio_alloc_context)
  SF_FFMPEG_FUNCTION(avformat, avio_closep)
  SF_FFMPEG_FUNCTION(avformat, avio_context_free)
  SF_FFMPEG_FUNCTION(avformat, avio_open)

  SharedLibrary swscale{"libswscale.so." AV_STRINGIFY(LIBSWSCALE_VERSION_MAJOR)};
  SF_FFMPEG_FUNCTION(swscale, sws_freeContext)
  SF_FFMPEG_FUNCTION(swscale, sws_getCachedContext)
  SF_FFMPEG_FUNCTION(swscale, sws_getContext)
  SF_FFMPEG_FUNCTION(swscale, sws_scale)
  SF_FFMPEG_FUNCTION(swscale, swscale_version)
#undef SF_FFMPEG_FUNCTION

 private:
  Ffmpeg();
  friend const Ffmpeg& ffmpeg();
};

// Loaded by the first call, from whichever thread. Throws if FFmpeg cannot be loaded.
const Ffmpeg& ffmpeg();

}  // namespace sf
