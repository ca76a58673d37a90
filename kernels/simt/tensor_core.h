// The host's bodies of kernels/base/tensor_core.h, which has the contracts.
#pragma once

#include <cstdint>

#include "kernels/simt/thread.h"

namespace sf::simt {

void load_matrix_rows(uint32_t* r, int count, bool transposed, const void* row, const Site& where);
void multiply_bf16(float* d, const uint32_t* a, const uint32_t* b, const Site& where);
void multiply_f16(float* d, const uint32_t* a, const uint32_t* b, const Site& where);
void multiply_tf32(float* d, const uint32_t* a, const uint32_t* b, const Site& where);

}  // namespace sf::simt
