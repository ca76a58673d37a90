// Instruction sets that Highway sources are compiled for: on x86 the baseline, AVX2 and AVX-512.
// Include before anything of Highway.
#pragma once

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
