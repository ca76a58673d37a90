#include "kernels/base/machine.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include <unistd.h>

#include "hwy/targets.h"
#include "kernels/base/error.h"
#include "kernels/base/onednn_compat.h"

namespace sf {

std::string processor_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name"))
      if (const size_t colon = line.find(": "); colon != std::string::npos)
        return line.substr(colon + 2);
  return {};
}

std::string vector_extensions() {
  std::string names;
  for (int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1)
    names += (names.empty() ? "" : " ") + std::string(hwy::TargetName(left & -left));
  return names;
}

void follow_onednn_instruction_sets() {
#if HWY_ARCH_X86
  const auto allows = [isa = unsigned(dnnl_get_effective_cpu_isa())](unsigned wanted) {
    return (isa & wanted) == wanted;  // sets of instructions are sets of bits
  };
  const auto disable_from = [](int64_t target) {
    hwy::DisableTargets(2 * target - 1);  // better targets are lower bits
  };
  if (!allows(dnnl_cpu_isa_avx512_core)) disable_from(HWY_AVX3);
  if (!allows(dnnl_cpu_isa_avx2)) disable_from(HWY_AVX2);
#endif
}

int64_t available_memory_bytes() {
  std::ifstream in("/proc/meminfo");
  constexpr std::string_view kKey = "MemAvailable:";
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(kKey)) return std::atoll(line.c_str() + kKey.size()) * 1024;
  return 0;
}

int64_t second_level_caches_bytes() {
  long each = -1;
#ifdef _SC_LEVEL2_CACHE_SIZE
  each = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
  return (each > 0 ? int64_t{each} : 1 << 20) * std::max(sysconf(_SC_NPROCESSORS_ONLN), 1L);
}

bool has_bf16_products() {
  const unsigned wanted = dnnl_cpu_isa_avx512_core_bf16;  // sets of instructions are sets of bits
  return (unsigned(dnnl_get_effective_cpu_isa()) & wanted) == wanted;
}

int onednn_instruction_sets() { return int(dnnl_get_effective_cpu_isa()); }

std::string onednn_version() {
  const dnnl_version_t* v = dnnl_version();
  return cat(v->major, ".", v->minor, ".", v->patch);
}

}  // namespace sf
