#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/sysinfo.h>

#include "apps/brief_waits.h"
#include "apps/commands.h"
#include "data/codecs.h"
#include "data/cuda_decoder.h"
#include "dist/device_group.h"
#include "kernels/base/cuda/libraries.h"
#include "kernels/base/cuda/runtime.h"
#include "kernels/base/machine.h"
#include "kernels/base/threads.h"

namespace sf {
namespace {

void row(const char* what, const std::string& found) { fmt::print("{:<14} {}\n", what, found); }

void doctor() {
  constexpr double kGiB = double(1 << 30);
  struct sysinfo memory {};
  sysinfo(&memory);
  row("sf", SF_VERSION);
  row("processor", processor_name());
  row("vectors", vector_extensions());
  row("bfloat16", has_bf16_products() ? "products in the processor" : "none in the processor");
  row("threads", fmt::format("{} (OMP_NUM_THREADS) {}", max_threads(), how_threads_wait()));
  row("memory",
      fmt::format("{:.1f} GiB, {:.1f} GiB free", double(memory.totalram) * memory.mem_unit / kGiB,
                  double(memory.freeram) * memory.mem_unit / kGiB));
  row("device cpu", "works");
  row("device simt", "works: CUDA kernels on the CPU, to test them");
  row("device cuda", cuda::describe_devices());
  row("cuDNN", describe_cudnn());
  row("cuBLASLt", describe_cublaslt());
  row("NCCL", describe_nccl());
  row("oneDNN", onednn_version());
  try {
    row("FFmpeg", ffmpeg_version());
  } catch (const Error& e) {
    row("FFmpeg", fmt::format("not found: {}", e.what()));
    return;
  }
  row("decoders", fmt::format("{}", fmt::join(decodable_codecs(), " ")));
  if (const auto missing = missing_codecs(); !missing.empty())
    row("no decoder", fmt::format("{}", fmt::join(missing, " ")));
  const std::string fault = cuda_decoder_fault();
  row("CUDA decoder", fault.empty() ? "libraries found (SF.DECODER cuda)" : "none: " + fault);
  row("encoder", video_encoder().empty() ? "none: sf synth cannot write videos" : video_encoder());
}

}  // namespace

void add_doctor_command(CLI::App& app) {
  app.add_subcommand("doctor", "what this machine has and what works")->callback(doctor);
}

}  // namespace sf
