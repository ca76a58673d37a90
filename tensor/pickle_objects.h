// The objects inside pickles of weights: numpy arrays, and the rest as text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tensor/pickle.h"
#include "tensor/strided_copy.h"
#include "tensor/tensor.h"

namespace sf {

// Where the elements of a numpy array are.
struct NumpyArray {
  TensorType type;  // in its own order of axes
  bool big_endian = false;
  bool column_major = false;
  PickleValue data;
};

// A numpy array or numpy scalar; none if the value is something else. Throws sf::Error for arrays
// of other types than f2, f4, f8, i4, i8, u1 and b1 (as u8).
std::optional<NumpyArray> numpy_array(const PickleValue& value);

// A copy, channels-last if it has 5 axes. Throws sf::Error if the data does not fit the shape.
Tensor tensor_from_numpy(const NumpyArray& array, CopyBudget& budget);

// A tuple or list of whole numbers.
std::vector<int64_t> whole_numbers(const PickleValue& value);

// Plain values (None, numbers, text, tuples, lists, sets, dicts) as JSON; other values, and what is
// nested deeper than 16 or comes after 65536 values, become null. One of these a file, so that
// shared values cannot multiply; texts count against the budget, which must outlive the object.
class PlainValues {
 public:
  explicit PlainValues(CopyBudget& budget) : budget_(budget) {}
  nlohmann::json json(const PickleValue& value);
  // Text values as they are, others as JSON.
  std::string text(const PickleValue& value);

 private:
  nlohmann::json json(const PickleValue& value, int depth_left);
  std::string name(const PickleValue& value);

  CopyBudget& budget_;
  int values_left_ = 65536;
};

// JSON on one line, with a replacement character for what is not UTF-8.
std::string lenient_text(const nlohmann::json& value);

}  // namespace sf
