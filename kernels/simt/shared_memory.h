// The shared memory of one block, with margins that show what is written beside it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace sf::simt {

class SharedMemory {
 public:
  SharedMemory();
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  // Memory of a new block, aligned to 128: NaN in f32, f16 and bf16.
  std::byte* renew(size_t bytes);
  // Whether the margins are as renew() left them.
  bool margins_intact() const;
  // The memory with its margins.
  std::span<const std::byte> span() const { return {begin() - kMargin, kLimit + 2 * kMargin}; }

  static constexpr size_t kLimit = size_t(227) << 10;  // a block's most on the largest GPU

 private:
  static constexpr size_t kMargin = 1024;
  std::byte* begin() const;

  std::unique_ptr<std::byte[]> memory_;
  size_t bytes_ = 0;
};

}  // namespace sf::simt
