// Python pickles as inert data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sf {

enum class PickleKind : uint8_t {
  none,
  boolean,
  integer,
  big_integer,  // beyond 64 bits: text() is its little-endian two's complement
  real,
  text,           // UTF-8
  bytes,          // bytes, bytearray, and the str of Python 2
  encoded_bytes,  // large ones, text() is UTF-8: its characters, below 256, are the bytes
  tuple,
  list,
  dict,
  set,
  global,      // text() is "module name"
  call,        // callee, tuple of arguments and, after BUILD, the state
  persistent,  // a reference to something outside the pickle: item(0) is its id
};

std::string_view name_of(PickleKind kind);

class Pickle;

// One value of a pickle, which must outlive it. Values are shared and may even contain themselves:
// walk with a limit.
class PickleValue {
 public:
  PickleKind kind() const;
  bool is(PickleKind wanted) const { return kind() == wanted; }

  // The contents; throw sf::Error if the kind is another.
  int64_t integer() const;          // integers and booleans
  double real() const;              // reals, integers and booleans
  std::string_view string() const;  // text or bytes, as they are
  std::string name() const;         // text or bytes as UTF-8; bytes count as Latin-1
  std::string_view text() const;    // of texts, bytes, globals and big integers

  // Elements of tuples, lists and sets; keys and values in turn of dicts; see PickleKind for the
  // others.
  size_t size() const;
  PickleValue item(size_t i) const;

  // Dicts: how many pairs there are, one of them, and the value of a text key, the last if there
  // are several.
  size_t pairs() const { return size() / 2; }
  std::pair<PickleValue, PickleValue> pair(size_t i) const {
    return {item(2 * i), item(2 * i + 1)};
  }
  std::optional<PickleValue> find(std::string_view key) const;

  // Whether it is a call of "module name", with at least that many arguments; numpy's modules of
  // any version count as "numpy.core".
  bool is_call(std::string_view callee, size_t arguments) const;
  PickleValue argument(size_t i) const { return item(1).item(i); }
  std::optional<PickleValue> state() const;  // of calls

 private:
  friend class Pickle;
  friend class PickleMachine;
  PickleValue(const Pickle& pickle, uint32_t index) : pickle_(&pickle), index_(index) {}

  const Pickle* pickle_;
  uint32_t index_;
};

// The values of one pickle of protocol 0 to 5. The opcodes build data and never run anything: a
// call is recorded as a value, and only the globals that weight files of PyTorch and Caffe2 need
// are known. Some calls that merely build data are resolved: OrderedDict, set, frozenset,
// torch.Size and _codecs.encode.
class Pickle {
 public:
  // The first pickle in the bytes, which are kept as a view. Throws sf::Error that begins with
  // "pickle: " for malformed input, for another global ("pickle: refuses global os.system"), for
  // objects of classes, and beyond 2^20 values, 2^22 references, 1000 open marks or texts larger
  // than twice the input.
  static Pickle parse(std::span<const std::byte> bytes);

  PickleValue root() const { return {*this, root_}; }
  size_t consumed() const { return consumed_; }  // bytes, up to and including STOP
  std::vector<PickleValue> persistent_values() const;

 private:
  friend class PickleValue;
  friend class PickleMachine;

  struct Node {
    PickleKind kind = PickleKind::none;
    int64_t integer = 0;
    double real = 0;
    std::string_view text = {};
    std::vector<uint32_t> items = {};
  };

  std::vector<Node> nodes_;  // values refer to each other by index, so destruction does not recurse
  std::deque<std::string> texts_;  // those that are not in the input as they are
  uint32_t root_ = 0;
  size_t consumed_ = 0;
};

}  // namespace sf
