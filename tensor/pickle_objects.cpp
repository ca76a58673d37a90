#include "tensor/pickle_objects.h"

#include <array>
#include <string_view>
#include <utility>

#include "tensor/mapped_file.h"
#include "tensor/pickle_text.h"

namespace sf {
namespace {

struct NumpyName {
  std::string_view name;
  DType dtype;
};
constexpr std::array kNumpyNames{
    NumpyName{"f2", DType::f16}, NumpyName{"f4", DType::f32}, NumpyName{"f8", DType::f64},
    NumpyName{"i4", DType::i32}, NumpyName{"i8", DType::i64}, NumpyName{"u1", DType::u8},
    NumpyName{"b1", DType::u8},
};

struct NumpyType {
  DType dtype = DType::f32;
  bool big_endian = false;
};

// numpy.dtype("f4", False, True) with the state (3, "<", None, None, None, -1, -1, 0).
NumpyType numpy_type(const PickleValue& value) {
  SF_CHECK(value.is_call("numpy dtype", 1), "wanted a numpy dtype, found ", name_of(value.kind()));
  const std::string_view name = value.argument(0).string();
  NumpyType type;
  if (const auto state = value.state()) type.big_endian = state->item(1).string() == ">";
  for (const NumpyName& row : kNumpyNames) {
    if (row.name != name) continue;
    type.dtype = row.dtype;
    return type;
  }
  throw Error(
      cat("wanted a numpy array of f2, f4, f8, i4, i8, u1 or b1, found '", printable(name), "'"));
}

NumpyArray array(NumpyType type, const std::vector<int64_t>& sizes, bool column_major,
                 const PickleValue& data) {
  return {.type = {Shape(sizes), type.dtype},
          .big_endian = type.big_endian,
          .column_major = column_major,
          .data = data};
}

}  // namespace

std::vector<int64_t> whole_numbers(const PickleValue& value) {
  SF_CHECK(value.is(PickleKind::tuple) || value.is(PickleKind::list),
           "wanted a tuple of ints, found ", name_of(value.kind()));
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < value.size(); ++i) numbers.push_back(value.item(i).integer());
  return numbers;
}

std::optional<NumpyArray> numpy_array(const PickleValue& value) {
  if (value.is_call("numpy.core.multiarray scalar", 2))
    return array(numpy_type(value.argument(0)), {}, false, value.argument(1));
  if (value.is_call("numpy.core.numeric _frombuffer", 4))
    return array(numpy_type(value.argument(1)), whole_numbers(value.argument(2)),
                 value.argument(3).string() == "F", value.argument(0));
  if (!value.is_call("numpy.core.multiarray _reconstruct", 1)) return std::nullopt;
  const auto state = value.state();  // (version, shape, dtype, column-major, data)
  SF_CHECK(state && state->size() == 5, "wanted a numpy array with its state, found none");
  return array(numpy_type(state->item(2)), whole_numbers(state->item(1)),
               state->item(3).integer() != 0, state->item(4));
}

namespace {

StridedElements elements(const NumpyArray& array) {
  const auto extents = array.type.shape.extents();
  StridedElements out{.bytes = {},
                      .dtype = array.type.dtype,
                      .sizes = {extents.begin(), extents.end()},
                      .strides = {},
                      .big_endian = array.big_endian};
  if (array.column_major) {
    const std::vector<int64_t> reversed(extents.rbegin(), extents.rend());
    const auto strides = row_major_strides(reversed);
    out.strides.assign(strides.rbegin(), strides.rend());
  } else {
    out.strides = row_major_strides(out.sizes);
  }
  return channels_last(std::move(out));
}

void check_size(const NumpyArray& array, size_t found) {
  const size_t size = size_of(array.type.dtype);
  const auto numel = uint64_t(array.type.shape.numel());
  SF_CHECK(found % size == 0 && found / size == numel, "wanted ", numel, " elements of ", size,
           " bytes, found ", found, " bytes");
}

// How many bytes of an array the text still has.
size_t rest_of(Latin1Reader& reader) {
  std::array<char, 4096> unused;
  size_t bytes = 0;
  while (const size_t more = reader.read(unused)) bytes += more;
  return bytes;
}

// Of data that is text no more is decoded at a time than a part of the array, along its first axis.
Tensor tensor_from_text(const NumpyArray& array, CopyBudget& budget) {
  const std::string_view text = array.data.text();
  const size_t size = size_of(array.type.dtype);
  const auto numel = uint64_t(array.type.shape.numel());
  Latin1Reader reader(text);
  if (numel == 0 || numel > text.size() / size) check_size(array, rest_of(reader));
  budget.take(text.size());
  budget.take(numel * size);
  Tensor out({channels_last(array.type.shape), array.type.dtype});
  if (numel == 0) return out;

  StridedElements part = elements(array);
  const bool divides = part.sizes.size() > 1 && !array.column_major;
  const auto parts = divides ? size_t(std::exchange(part.sizes[0], 1)) : 1;
  std::string decoded(numel / parts * size, '\0');
  part.bytes = std::as_bytes(std::span(decoded));
  for (size_t i = 0; i < parts; ++i) {
    const size_t filled = reader.read(decoded);
    if (filled != decoded.size()) check_size(array, i * decoded.size() + filled);
    copy_strided_to({out.data() + i * decoded.size(), decoded.size()}, part);
  }
  check_size(array, parts * decoded.size() + rest_of(reader));
  return out;
}

}  // namespace

Tensor tensor_from_numpy(const NumpyArray& array, CopyBudget& budget) {
  if (array.data.is(PickleKind::encoded_bytes)) return tensor_from_text(array, budget);
  StridedElements whole = elements(array);
  whole.bytes = std::as_bytes(std::span(array.data.string()));
  check_size(array, whole.bytes.size());
  return copy_strided(whole, budget);
}

std::string PlainValues::name(const PickleValue& value) {
  budget_.take(value.text().size());
  return value.name();
}

nlohmann::json PlainValues::json(const PickleValue& value, int depth_left) {
  if (depth_left == 0 || values_left_-- <= 0) return nullptr;
  switch (value.kind()) {
    case PickleKind::boolean: return value.integer() != 0;
    case PickleKind::integer: return value.integer();
    case PickleKind::real: return value.real();
    case PickleKind::text:
    case PickleKind::bytes:
    case PickleKind::encoded_bytes: return name(value);
    case PickleKind::tuple:
    case PickleKind::list:
    case PickleKind::set: {
      nlohmann::json list = nlohmann::json::array();
      for (size_t i = 0; i < value.size() && values_left_ > 0; ++i)
        list.push_back(json(value.item(i), depth_left - 1));
      return list;
    }
    case PickleKind::dict: {
      nlohmann::json object = nlohmann::json::object();
      for (size_t i = 0; i < value.pairs() && values_left_ > 0; ++i) {
        const auto [key, item] = value.pair(i);
        const bool text = key.is(PickleKind::text) || key.is(PickleKind::bytes);
        if (text || key.is(PickleKind::integer))
          object[text ? name(key) : std::to_string(key.integer())] = json(item, depth_left - 1);
      }
      return object;
    }
    default: return nullptr;
  }
}

nlohmann::json PlainValues::json(const PickleValue& value) {
  constexpr int kDeepest = 16;
  return json(value, kDeepest);
}

std::string PlainValues::text(const PickleValue& value) {
  if (value.is(PickleKind::text) || value.is(PickleKind::bytes) ||
      value.is(PickleKind::encoded_bytes))
    return name(value);
  return lenient_text(json(value));
}

std::string lenient_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace sf
