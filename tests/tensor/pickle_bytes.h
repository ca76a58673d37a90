// Pickles of protocol 2, spelled out by tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/error.h"

namespace sf::pickled {

inline std::string repeated(std::string_view part, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += part;
  return out;
}

inline std::string le(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += char(value >> (8 * i));
  return out;
}
inline std::string text(std::string_view s) { return cat("X", le(s.size(), 4), s); }
inline std::string bytes(std::string_view s) {
  return cat("T", le(s.size(), 4), s);
}  // str of Python 2
// Latin-1 bytes as UTF-8, and how Python 3 writes bytes with protocol 2.
inline std::string utf8(std::string_view latin1) {
  std::string out;
  for (const char c : latin1) {
    if (uint8_t(c) >= 0x80) out += char(0xC0 | uint8_t(c) >> 6);
    out += char(uint8_t(c) >= 0x80 ? 0x80 | (uint8_t(c) & 0x3F) : uint8_t(c));
  }
  return out;
}
inline std::string encoded(std::string_view s) {
  return cat("c_codecs\nencode\n(", text(utf8(s)), text("latin1"), "tR");
}
inline std::string integer(int64_t value) { return cat("\x8A\x08", le(uint64_t(value), 8)); }
inline std::string boolean(bool value) { return value ? "\x88" : "\x89"; }
inline std::string none() { return "N"; }
inline std::string global(std::string_view module, std::string_view name) {
  return cat("c", module, "\n", name, "\n");
}
using Items = std::vector<std::string>;

inline std::string tuple(const Items& items) {
  std::string out = "(";
  for (const auto& item : items) out += item;
  return out + "t";
}
inline std::string list(const Items& items) {
  std::string out = "](";
  for (const auto& item : items) out += item;
  return out + "e";
}
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string out = "}(";
  for (const auto& [key, value] : pairs) out += key + value;
  return out + "u";
}
inline std::string call(const std::string& callee, const std::string& arguments) {
  return cat(callee, arguments, "R");
}
inline std::string whole(const std::string& value) { return cat("\x80\x02", value, "."); }

// A reference to a storage of torch, and a tensor over one.
inline std::string storage(std::string_view type, std::string_view key, int64_t elements) {
  return tuple(
             {text("storage"), global("torch", type), text(key), text("cpu"), integer(elements)}) +
         "Q";
}
inline std::string tensor(const std::string& storage, int64_t offset, const Items& sizes,
                          const Items& strides) {
  return call(global("torch._utils", "_rebuild_tensor_v2"),
              tuple({storage, integer(offset), tuple(sizes), tuple(strides), boolean(false),
                     call(global("collections", "OrderedDict"), tuple({}))}));
}

// The stream of pickles that PyTorch wrote before version 1.6.
inline std::string stream(const std::string& object, const std::string& keys,
                          const std::string& storages) {
  const std::string magic("\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19", 12);
  return whole(magic) + whole(integer(1001)) +
         whole(dict({{text("little_endian"), boolean(true)}})) + whole(object) + whole(keys) +
         storages;
}

// A numpy array of pickled bytes.
inline std::string array_of(std::string_view type, std::string_view order, const Items& sizes,
                            bool column_major, std::string_view data) {
  const std::string dtype =
      call(global("numpy", "dtype"), tuple({bytes(type), integer(0), integer(1)})) +
      tuple({integer(3), bytes(order), none(), none(), none(), integer(-1), integer(-1),
             integer(0)}) +
      "b";
  return call(global("numpy.core.multiarray", "_reconstruct"),
              tuple({global("numpy", "ndarray"), tuple({integer(0)}), bytes("b")})) +
         tuple({integer(1), tuple(sizes), dtype, boolean(column_major), std::string(data)}) + "b";
}
// As Python 2 writes it.
inline std::string array(std::string_view type, std::string_view order, const Items& sizes,
                         bool column_major, std::string_view data) {
  return array_of(type, order, sizes, column_major, bytes(data));
}

}  // namespace sf::pickled
