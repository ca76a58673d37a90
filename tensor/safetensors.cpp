#include "tensor/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <set>

#include "tensor/atomic_file.h"
#include "tensor/bounded_json.h"
#include "tensor/half.h"

namespace sf {
namespace {

using nlohmann::json;

constexpr size_t kLengthBytes = 8;
constexpr size_t kMaxHeaderBytes = size_t{16} << 20;
constexpr size_t kDataAlignment = 64;
// Smaller data is copied out of the mapped file: the system may keep 2 MiB around each page that is
// read.
constexpr size_t kLeastMapped = size_t{1} << 20;
constexpr std::string_view kMetadata = "__metadata__";

struct TypeName {
  std::string_view name;
  DType dtype;
};
constexpr std::array kTypeNames{
    TypeName{"F64", DType::f64},   TypeName{"F32", DType::f32}, TypeName{"F16", DType::f16},
    TypeName{"BF16", DType::bf16}, TypeName{"I64", DType::i64}, TypeName{"I32", DType::i32},
    TypeName{"U8", DType::u8},     TypeName{"BOOL", DType::u8},
};

DType dtype_named(std::string_view name) {
  for (const TypeName& row : kTypeNames)
    if (row.name == name) return row.dtype;
  throw Error(
      cat("wanted dtype F64, F32, F16, BF16, I64, I32, U8 or BOOL, found '", printable(name), "'"));
}

std::string_view name_of_type(DType dtype) {
  return std::ranges::find(kTypeNames, dtype, &TypeName::dtype)->name;
}

uint64_t header_length(std::span<const std::byte> bytes) {
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= uint64_t(bytes[i]) << (8 * i);
  return length;
}

struct Entry {
  std::string name;
  TensorType type;
  uint64_t begin = 0, end = 0;  // bytes in the data section
};

const json& member(const json& object, const char* key) {
  const auto found = object.find(key);
  SF_CHECK(found != object.end(), "wanted '", key, "', found none");
  return *found;
}

std::vector<int64_t> whole_numbers(const json& value, const char* key) {
  SF_CHECK(value.is_array(), "wanted '", key, "' to be a list, found ", value.type_name());
  std::vector<int64_t> numbers;
  for (const json& item : value) {
    SF_CHECK(item.is_number_unsigned() && item.get<uint64_t>() < uint64_t{1} << 62, "wanted '", key,
             "' of whole numbers from 0 to 2^62, found ", printable(item.dump()));
    numbers.push_back(item.get<int64_t>());
  }
  return numbers;
}

Entry parse_entry(const std::string& name, const json& value, uint64_t data_bytes) {
  SF_CHECK(value.is_object(), "wanted an object, found ", value.type_name());
  const json& dtype = member(value, "dtype");
  SF_CHECK(dtype.is_string(), "wanted 'dtype' to be text, found ", dtype.type_name());
  const Shape shape(whole_numbers(member(value, "shape"), "shape"));
  const auto offsets = whole_numbers(member(value, "data_offsets"), "data_offsets");
  SF_CHECK(offsets.size() == 2, "wanted 2 data_offsets, found ", offsets.size());
  Entry entry{.name = name,
              .type = {shape, dtype_named(dtype.get_ref<const std::string&>())},
              .begin = uint64_t(offsets[0]),
              .end = uint64_t(offsets[1])};
  SF_CHECK(entry.begin <= entry.end && entry.end <= data_bytes, "wanted data within ", data_bytes,
           " bytes, found offsets ", entry.begin, " to ", entry.end);
  const uint64_t bytes = entry.end - entry.begin;
  const size_t size = size_of(entry.type.dtype);
  SF_CHECK(bytes % size == 0 && bytes / size == uint64_t(shape.numel()), "wanted ", shape.numel(),
           " elements of ", size, " bytes for ", entry.type, ", found ", bytes, " bytes");
  return entry;
}

// Pages of the file that were copied from are given back.
Tensor load_entry(const std::shared_ptr<const MappedFile>& file, const Entry& entry,
                  size_t data_begin, SafetensorsOptions options) {
  const size_t offset = data_begin + entry.begin, size = entry.end - entry.begin;
  const auto bytes = file->bytes().subspan(offset, size);
  const bool half = entry.type.dtype == DType::f16 || entry.type.dtype == DType::bf16;
  const bool permutes = options.channels_first_in_file && entry.type.shape.rank() == 5;
  const bool converts = permutes || (half && options.halves_as_f32);
  if (offset % kDataAlignment == 0 && size >= kLeastMapped && !converts)
    return mapped_tensor(file, entry.type, offset);

  Tensor copy;
  if (permutes) {
    copy = channels_last_from_first(entry.type, bytes);
  } else {
    copy = Tensor(entry.type);
    if (size > 0) std::memcpy(copy.data(), bytes.data(), size);
  }
  file->drop_pages(offset, size);
  return options.halves_as_f32 ? f32_from_half(copy) : copy;
}

StoredTensor stored_entry(const std::shared_ptr<const MappedFile>& file, const Entry& entry,
                          size_t data_begin, SafetensorsOptions options) {
  TensorType type = entry.type;
  if (options.channels_first_in_file) type.shape = channels_last(type.shape);
  const bool half = type.dtype == DType::f16 || type.dtype == DType::bf16;
  if (half && options.halves_as_f32) type.dtype = DType::f32;
  return {entry.name, type, [=] { return load_entry(file, entry, data_begin, options); }};
}

}  // namespace

const Tensor& Safetensors::at(std::string_view name) const {
  for (const auto& [key, tensor] : tensors)
    if (key == name) return tensor;
  throw Error(cat("safetensors: no tensor named '", name, "'"));
}

bool Safetensors::contains(std::string_view name) const {
  return std::ranges::any_of(tensors, [&](const auto& item) { return item.first == name; });
}

bool looks_like_safetensors(std::span<const std::byte> bytes) {
  return bytes.size() > kLengthBytes && bytes[kLengthBytes] == std::byte{'{'} &&
         header_length(bytes) >> 32 == 0;
}

StoredSafetensors parse_stored_safetensors(const std::shared_ptr<const MappedFile>& file,
                                           SafetensorsOptions options) {
  const auto bytes = file->bytes();
  SF_CHECK(bytes.size() >= kLengthBytes,
           "safetensors: wanted a length of 8 bytes, found a file of ", bytes.size());
  const uint64_t length = header_length(bytes);
  SF_CHECK(length <= std::min(bytes.size() - kLengthBytes, kMaxHeaderBytes),
           "safetensors: header claims ", length, " bytes, file has ", bytes.size(), " and ",
           kMaxHeaderBytes, " are the limit");
  const auto* text = reinterpret_cast<const char*>(bytes.data() + kLengthBytes);
  const json header = parse_bounded_json({text, length}, "safetensors: header");
  SF_CHECK(header.is_object(), "safetensors: header: wanted an object, found ", header.type_name());

  StoredSafetensors out;
  std::vector<Entry> entries;
  const size_t data_begin = kLengthBytes + length;
  const uint64_t data_bytes = bytes.size() - data_begin;
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadata) {
      SF_CHECK(value.is_object(), "safetensors: __metadata__: wanted an object, found ",
               value.type_name());
      for (const auto& [key, item] : value.items()) {
        SF_CHECK(item.is_string(), "safetensors: __metadata__: wanted text for '", printable(key),
                 "', found ", item.type_name());
        out.metadata[key] = item.get<std::string>();
      }
      continue;
    }
    try {
      entries.push_back(parse_entry(name, value, data_bytes));
    } catch (const Error& error) {
      throw Error(cat("safetensors: tensor ", printable(name), ": ", error.what()));
    }
  }

  std::ranges::sort(entries, {}, [](const Entry& e) { return std::pair(e.begin, e.end); });
  uint64_t filled = 0;
  for (const Entry& entry : entries) {
    SF_CHECK(entry.begin == filled, "safetensors: tensor ", printable(entry.name),
             ": wanted data from byte ", filled, ", found from ", entry.begin,
             ": an overlap or a gap");
    filled = entry.end;
    out.tensors.push_back(stored_entry(file, entry, data_begin, options));
  }
  SF_CHECK(filled == data_bytes, "safetensors: wanted ", filled, " bytes of data, found ",
           data_bytes);
  return out;
}

Safetensors parse_safetensors(const std::shared_ptr<const MappedFile>& file,
                              SafetensorsOptions options) {
  StoredSafetensors found = parse_stored_safetensors(file, options);
  return {load(found.tensors), std::move(found.metadata)};
}

Safetensors read_safetensors(const std::filesystem::path& path, SafetensorsOptions options) {
  return naming_file(path, [&] { return parse_safetensors(MappedFile::open(path), options); });
}

void write_safetensors(const std::filesystem::path& path, const std::vector<StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata,
                       SafetensorsOptions options) {
  json header = json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  uint64_t offset = 0;
  for (const auto& [name, type, load] : tensors) {
    SF_CHECK(!name.empty() && !header.contains(name) && name != kMetadata, path.string(),
             ": safetensors: wanted distinct names, found '", printable(name),
             "' empty, repeated or reserved");
    const uint64_t end = offset + uint64_t(type.bytes());
    const Shape shape = options.channels_first_in_file ? channels_first(type.shape) : type.shape;
    const auto extents = shape.extents();
    header[name] = {{"dtype", name_of_type(type.dtype)},
                    {"shape", std::vector<int64_t>(extents.begin(), extents.end())},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = json_text(header, cat(path.string(), ": safetensors: header"));
  text.resize((kLengthBytes + text.size() + kDataAlignment - 1) / kDataAlignment * kDataAlignment -
                  kLengthBytes,
              ' ');

  std::array<std::byte, kLengthBytes> length;
  for (size_t i = 0; i < kLengthBytes; ++i) length[i] = std::byte(uint64_t(text.size()) >> (8 * i));
  AtomicFile file(path);
  file.write(length);
  file.write(text);
  for (const StoredTensor& tensor : tensors) {
    const Tensor on_host = tensor.load().to(Device{});
    const Tensor data =
        options.channels_first_in_file ? channels_first_from_last(on_host) : on_host;
    file.write({data.data(), size_t(data.type().bytes())});
  }
  file.commit();
}

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata,
                       SafetensorsOptions options) {
  write_safetensors(path, stored(tensors), metadata, options);
}

}  // namespace sf
