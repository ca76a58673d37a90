// MP4 files made by tests: one video track, whose header may claim anything.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace sf {

struct Mp4 {
  std::string codec = "jpeg";  // or "raw ": rows of red, green, blue
  uint16_t width = 64;
  uint16_t height = 64;
  uint32_t timescale = 1000;  // ticks a second
  uint32_t frame_ticks = 40;
  uint32_t frames = 1;
  uint32_t frame_bytes = 1000;
  std::string data = {};  // of the frames, one after the other; a truthful file has all of them
};

inline std::string big_endian(std::initializer_list<uint32_t> words) {
  std::string out;
  for (const uint32_t word : words)
    for (int shift = 24; shift >= 0; shift -= 8) out += char(word >> shift);
  return out;
}

inline std::string mp4_bytes(const Mp4& v) {
  const auto box = [](std::string_view type, const std::string& content) {
    return big_endian({uint32_t(content.size() + 8)}).append(type).append(content);
  };
  const auto words = [&](std::string_view type, std::initializer_list<uint32_t> content) {
    return box(type, big_endian(content));
  };
  const uint32_t ticks = v.frames * v.frame_ticks;
  const std::string matrix =
      big_endian({0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000});  // upright
  const std::string zeros(64, '\0');

  const std::string picture =  // reserved, index of the data reference, size, 72 dots an inch
      big_endian({0, 1, 0, 0, 0, 0, uint32_t(v.width) << 16 | v.height, 0x480000, 0x480000, 0}) +
      std::string("\0\1", 2) + zeros.substr(0, 32) + std::string("\0\x18\xFF\xFF", 4);  // 24 bits
  const auto table = [&](uint32_t data_begin) {
    return box("stbl", box("stsd", big_endian({0, 1}) + box(v.codec, picture)) +
                           words("stts", {0, 1, v.frames, v.frame_ticks}) +
                           words("stsz", {0, v.frame_bytes, v.frames}) +
                           words("stsc", {0, 1, 1, v.frames, 1}) +
                           words("stco", {0, 1, data_begin}));
  };
  const auto header = [&](uint32_t data_begin) {
    const std::string reference = box("dinf", box("dref", big_endian({0, 1}) + words("url ", {1})));
    const std::string media =
        box("mdia", words("mdhd", {0, 0, 0, v.timescale, ticks, 0x55C40000}) +
                        box("hdlr", big_endian({0, 0}) + "vide" + zeros.substr(0, 14)) +
                        box("minf", words("vmhd", {1, 0, 0}) + reference + table(data_begin)));
    const std::string track = box(
        "trak", box("tkhd", big_endian({7, 0, 0, 1, 0, ticks, 0, 0, 0, 0}) + matrix +
                                big_endian({uint32_t(v.width) << 16, uint32_t(v.height) << 16})) +
                    media);
    const std::string movie =
        box("mvhd", big_endian({0, 0, 0, v.timescale, ticks, 0x10000, 0x1000000, 0, 0}) + matrix +
                        zeros.substr(0, 24) + big_endian({2}));
    return box("ftyp", "isom" + big_endian({0x200}) + "isommp41") + box("moov", movie + track);
  };
  return header(uint32_t(header(0).size() + 8)) + box("mdat", v.data);
}

}  // namespace sf
