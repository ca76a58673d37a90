#include "tensor/sf_file.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include "tensor/atomic_file.h"
#include "tensor/bounded_json.h"
#include "tensor/crc32c.h"
#include "tensor/little_endian.h"

namespace sf {
namespace {

using nlohmann::json;

// A first byte outside ASCII and both kinds of line ends, so that text conversions are noticed at
// once.
constexpr std::array kMagic{std::byte{0x89}, std::byte{'S'},  std::byte{'F'},  std::byte{0x0D},
                            std::byte{0x0A}, std::byte{0x1A}, std::byte{0x0A}, std::byte{0}};
constexpr uint16_t kMajor = 1;
constexpr uint16_t kMinor = 0;
constexpr size_t kAlignment = 64;
constexpr size_t kHeaderBytes = 64;
constexpr uint64_t kMaxIndexBytes = uint64_t{16} << 20;

// Byte offsets in the header; the rest of it is zero.
enum Header : size_t {
  kAtMajor = 8,
  kAtMinor = 10,
  kAtIndexCrc = 12,
  kAtIndexBytes = 16,
  kAtFileBytes = 24,
  kAtCrc = 60
};

uint64_t aligned(uint64_t position) {
  return (position + kAlignment - 1) / kAlignment * kAlignment;
}

std::string hex(uint32_t crc) {
  std::array<char, 11> text;
  std::snprintf(text.data(), text.size(), "0x%08X", unsigned(crc));
  return text.data();
}

void check_crc(std::string_view what, uint32_t wanted, std::span<const std::byte> bytes) {
  const uint32_t found = crc32c(bytes);
  SF_CHECK(found == wanted, what, "CRC-32C wanted ", hex(wanted), ", found ", hex(found));
}

std::span<const std::byte> bytes_of(const Tensor& tensor) {
  return {tensor.data(), size_t(tensor.type().bytes())};
}

struct Sections {
  std::span<const std::byte> index;
  uint64_t data_begin = 0;
  uint16_t minor = 0;
};

Sections parse_header(std::span<const std::byte> bytes) {
  SF_CHECK(looks_like_sf(bytes), "not an .sf file");
  SF_CHECK(bytes.size() >= kHeaderBytes, "wanted a header of ", kHeaderBytes, " bytes, found ",
           bytes.size());
  check_crc("header: ", load_le<uint32_t>(bytes, kAtCrc), bytes.first(kAtCrc));
  const auto major = load_le<uint16_t>(bytes, kAtMajor);
  const auto minor = load_le<uint16_t>(bytes, kAtMinor);
  SF_CHECK(major == kMajor, "wanted format version ", kMajor, ".x, found ", major, ".", minor);
  const auto file_bytes = load_le<uint64_t>(bytes, kAtFileBytes);
  SF_CHECK(file_bytes == bytes.size(), "wanted a file of ", file_bytes, " bytes, found ",
           bytes.size());
  const auto index_bytes = load_le<uint64_t>(bytes, kAtIndexBytes);
  SF_CHECK(index_bytes <= std::min<uint64_t>(bytes.size() - kHeaderBytes, kMaxIndexBytes),
           "index claims ", index_bytes, " bytes, file has ", bytes.size(), " and ", kMaxIndexBytes,
           " are the limit");
  return {bytes.subspan(kHeaderBytes, index_bytes), aligned(kHeaderBytes + index_bytes), minor};
}

template <class T>
T value_of(const json& object, const char* key) {
  const auto found = object.find(key);
  SF_CHECK(found != object.end(), "wanted '", key, "', found none");
  if constexpr (std::is_same_v<T, std::string>) {
    SF_CHECK(found->is_string(), "wanted '", key, "' to be text, found ", found->type_name());
  } else {
    SF_CHECK(found->is_number_integer(), "wanted '", key, "' to be a whole number, found ",
             found->type_name());
  }
  return found->get<T>();
}

// The tensors of one list of the index. Their data must follow each other from `position` on, each
// at the next multiple of the alignment with zeros before it; moves the position behind the last.
std::vector<StoredTensor> parse_tensors(const json& index, const char* list, const char* title,
                                        uint64_t& position,
                                        const std::shared_ptr<const MappedFile>& file,
                                        uint64_t data_begin) {
  const auto bytes = file->bytes();
  std::vector<StoredTensor> tensors;
  std::set<std::string> names;
  SF_CHECK(index.contains(list) && index[list].is_array(), "index: wanted a list '", list, "'");
  for (const json& row : index[list]) {
    std::string name = "?";
    try {
      SF_CHECK(row.is_object(), "wanted an object, found ", row.type_name());
      name = value_of<std::string>(row, "name");
      SF_CHECK(names.insert(name).second, "found twice");
      SF_CHECK(row.contains("shape") && row["shape"].is_array(), "wanted a list 'shape'");
      std::vector<int64_t> extents;
      for (const json& extent : row["shape"]) {
        SF_CHECK(extent.is_number_unsigned(), "wanted extents of 0 or more, found ",
                 printable(extent.dump()));
        extents.push_back(extent.get<int64_t>());
      }
      const TensorType type{Shape(extents), parse_dtype(value_of<std::string>(row, "dtype"))};
      const uint64_t begin = aligned(position);
      SF_CHECK(value_of<uint64_t>(row, "offset") == begin - data_begin, "wanted offset ",
               begin - data_begin, ", found ", value_of<uint64_t>(row, "offset"));
      const auto count = value_of<uint64_t>(row, "bytes");
      const auto numel = uint64_t(type.shape.numel());
      SF_CHECK(count % size_of(type.dtype) == 0 && count / size_of(type.dtype) == numel,
               "wanted the bytes of ", type, ", found ", count);
      SF_CHECK(begin <= bytes.size() && count <= bytes.size() - begin, "wanted ", count,
               " bytes at byte ", begin, ", found the end at ", bytes.size());
      SF_CHECK(std::ranges::all_of(bytes.subspan(position, begin - position),
                                   [](std::byte b) { return b == std::byte{}; }),
               "wanted zeros before the data, found something else");
      const auto crc = value_of<uint32_t>(row, "crc32c");
      tensors.push_back({name, type, [=] {
                           check_crc(cat(title, " ", printable(name), ": "), crc,
                                     file->bytes().subspan(begin, count));
                           return mapped_tensor(file, type, begin);
                         }});
      position = begin + count;
    } catch (const Error& error) {
      throw Error(cat(title, " ", printable(name), ": ", error.what()));
    }
  }
  return tensors;
}

// Checksums are known when the data is written. Until then they are as long as they can be.
constexpr uint32_t kLongestCrc = ~uint32_t{0};

json index_of(const std::vector<StoredTensor>& tensors, const char* title, uint64_t& position) {
  json list = json::array();
  std::set<std::string_view> names;
  for (const StoredTensor& tensor : tensors) {
    SF_CHECK(!tensor.name.empty() && names.insert(tensor.name).second, title, " '",
             printable(tensor.name), "': wanted distinct names");
    const auto extents = tensor.type.shape.extents();
    position = aligned(position);
    list.push_back({{"name", tensor.name},
                    {"dtype", name_of(tensor.type.dtype)},
                    {"shape", std::vector<int64_t>(extents.begin(), extents.end())},
                    {"offset", position},
                    {"bytes", tensor.type.bytes()},
                    {"crc32c", kLongestCrc}});
    position += uint64_t(tensor.type.bytes());
  }
  return list;
}

}  // namespace

bool looks_like_sf(std::span<const std::byte> bytes) {
  return bytes.size() >= kMagic.size() && std::ranges::equal(bytes.first(kMagic.size()), kMagic);
}

StoredCheckpoint parse_sf(const std::shared_ptr<const MappedFile>& file) {
  const auto bytes = file->bytes();
  const Sections sections = parse_header(bytes);
  check_crc("index: ", load_le<uint32_t>(bytes, kAtIndexCrc), sections.index);
  const json index = parse_bounded_json(
      {reinterpret_cast<const char*>(sections.index.data()), sections.index.size()}, "index");
  SF_CHECK(index.is_object(), "index: wanted an object, found ", index.type_name());

  StoredCheckpoint out;
  out.format = cat("sf ", kMajor, ".", sections.minor);
  const auto layout = value_of<std::string>(index, "layout");
  SF_CHECK(layout == "channels_last", "index: wanted layout channels_last, found '",
           printable(layout), "'");
  if (index.contains("epoch")) out.epoch = value_of<int64_t>(index, "epoch");
  SF_CHECK(index.contains("text") && index["text"].is_object(), "index: wanted an object 'text'");
  for (const auto& [key, value] : index["text"].items()) {
    SF_CHECK(value.is_string(), "index: wanted text for '", printable(key), "', found ",
             value.type_name());
    out.text[key] = value.get<std::string>();
  }
  uint64_t position = kHeaderBytes + sections.index.size();
  out.tensors = parse_tensors(index, "tensors", "tensor", position, file, sections.data_begin);
  out.optimizer =
      parse_tensors(index, "optimizer", "optimizer tensor", position, file, sections.data_begin);
  SF_CHECK(position == bytes.size(), "wanted the last tensor to end the file at byte ", position,
           ", found ", bytes.size() - position, " bytes more");
  return out;
}

void write_sf(const std::filesystem::path& path, const StoredCheckpoint& checkpoint) {
  uint64_t data_bytes = 0;
  json index;
  std::string text;
  naming_file(path, [&] {
    index = {{"layout", "channels_last"}, {"text", checkpoint.text}};
    if (checkpoint.epoch) index["epoch"] = *checkpoint.epoch;
    index["tensors"] = index_of(checkpoint.tensors, "tensor", data_bytes);
    index["optimizer"] = index_of(checkpoint.optimizer, "optimizer tensor", data_bytes);
    text = json_text(index, "index");
    SF_CHECK(text.size() <= kMaxIndexBytes, "index: ", text.size(), " bytes, and ", kMaxIndexBytes,
             " are the limit");
  });
  const size_t index_bytes = text.size();
  std::array<std::byte, kHeaderBytes> header{};

  AtomicFile file(path);
  file.write(header);
  file.write(text);
  const auto write_data = [&](const std::vector<StoredTensor>& tensors, const char* title,
                              json& list) {
    for (size_t i = 0; i < tensors.size(); ++i) {
      const Tensor tensor = tensors[i].load();
      SF_CHECK(tensor && tensor.device().is_host(), path.string(), ": ", title, " ",
               printable(tensors[i].name), ": wanted host memory");
      list[i]["crc32c"] = crc32c(bytes_of(tensor));
      file.align(kAlignment);
      file.write(bytes_of(tensor));
    }
  };
  write_data(checkpoint.tensors, "tensor", index["tensors"]);
  write_data(checkpoint.optimizer, "optimizer tensor", index["optimizer"]);

  text = json_text(index, "index");
  text.resize(index_bytes, ' ');
  std::ranges::copy(kMagic, header.begin());
  store_le(header, kAtMajor, kMajor);
  store_le(header, kAtMinor, kMinor);
  store_le(header, kAtIndexCrc, crc32c(std::as_bytes(std::span(text))));
  store_le(header, kAtIndexBytes, uint64_t(index_bytes));
  store_le(header, kAtFileBytes, file.position());
  store_le(header, kAtCrc, crc32c(std::span(header).first(kAtCrc)));
  file.overwrite(0, header);
  file.overwrite(kHeaderBytes, std::as_bytes(std::span(text)));
  file.commit();
}

}  // namespace sf
