// CRC-32C (Castagnoli; RFC 3720), the checksum of checkpoint files: "123456789" has 0xE3069283.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sf {

// The checksum of `bytes`, or of bytes before them followed by `bytes` if `before` is the checksum
// of those. Uses the SSE4.2 instruction where the processor has it.
uint32_t crc32c(std::span<const std::byte> bytes, uint32_t before = 0);

// The same by tables, eight bytes a step.
uint32_t crc32c_by_table(std::span<const std::byte> bytes, uint32_t before = 0);

}  // namespace sf
