// What the processor and the libraries under the kernels are.
#pragma once

#include <cstdint>
#include <string>

namespace sf {

// The processor's name as the system gives it; empty if it does not.
std::string processor_name();
// Instruction sets that both the kernels and this processor have, best first: "AVX3 AVX2 SSE2".
std::string vector_extensions();
// Keeps the kernels to the instruction sets that oneDNN keeps to: ONEDNN_MAX_CPU_ISA=AVX2 makes of
// this processor one without AVX-512. To be called before kernels run.
void follow_onednn_instruction_sets();
// Bytes that new programs can have without swapping, as the system estimates; 0 if it does not
// tell.
int64_t available_memory_bytes();
// Of all processors of the machine together; with 1 MiB each where the system does not tell.
int64_t second_level_caches_bytes();
// Whether this processor has instructions for products of bf16 that oneDNN uses.
bool has_bf16_products();
// "2.6.3".
std::string onednn_version();
// A number for the instruction sets that oneDNN keeps to.
int onednn_instruction_sets();

}  // namespace sf
