// The stack machine behind Pickle::parse.
#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <unordered_map>

#include "kernels/base/error.h"
#include "tensor/mapped_file.h"
#include "tensor/pickle.h"
#include "tensor/pickle_opcodes.h"
#include "tensor/pickle_text.h"

namespace sf {
namespace {

// Everything else is refused.
constexpr std::array<std::string_view, 36> kGlobals{
    "__builtin__ frozenset",
    "__builtin__ set",
    "_codecs encode",
    "builtins frozenset",
    "builtins set",
    "collections OrderedDict",
    "numpy dtype",
    "numpy ndarray",
    "numpy._core.multiarray _reconstruct",
    "numpy._core.multiarray scalar",
    "numpy._core.numeric _frombuffer",
    "numpy.core.multiarray _reconstruct",
    "numpy.core.multiarray scalar",
    "numpy.core.numeric _frombuffer",
    "torch BFloat16Storage",
    "torch BoolStorage",
    "torch ByteStorage",
    "torch CharStorage",
    "torch DoubleStorage",
    "torch FloatStorage",
    "torch HalfStorage",
    "torch IntStorage",
    "torch LongStorage",
    "torch ShortStorage",
    "torch Size",
    "torch bfloat16",
    "torch device",
    "torch float16",
    "torch float32",
    "torch float64",
    "torch int32",
    "torch int64",
    "torch uint8",
    "torch._utils _rebuild_parameter",
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v2",
};
static_assert(std::ranges::is_sorted(kGlobals));

constexpr size_t kMaxNodes = size_t{1} << 20;
constexpr size_t kMaxReferences = size_t{1} << 22;
constexpr size_t kMaxMarks = 1000;
constexpr int kNewestProtocol = 5;
// Larger bytes stay as they are spelled: the data of arrays is decoded one array at a time.
constexpr size_t kLeastEncoded = size_t{1} << 16;

}  // namespace

class PickleMachine {
 public:
  explicit PickleMachine(std::span<const std::byte> bytes)
      : input_(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
        texts_left_(2 * bytes.size()) {
    none_ = add({});
    false_ = add({.kind = PickleKind::boolean});
    true_ = add({.kind = PickleKind::boolean, .integer = 1});
  }

  Pickle run() {
    while (step(uint8_t(take(1)[0]))) {}
    SF_CHECK(stack_.size() == 1 && marks_.empty(), "pickle: wanted one value at the end, found ",
             stack_.size());
    out_.root_ = stack_.back();
    out_.consumed_ = at_;
    return std::move(out_);
  }

 private:
  using Node = Pickle::Node;

  // Input.
  std::string_view take(uint64_t count) {
    SF_CHECK(count <= input_.size() - at_, "pickle: wanted ", count, " bytes at byte ", at_,
             ", found the end at ", input_.size());
    const std::string_view taken = input_.substr(at_, count);
    at_ += count;
    return taken;
  }

  std::string_view take_line() {
    const size_t end = input_.find('\n', at_);
    SF_CHECK(end != std::string_view::npos, "pickle: wanted a line at byte ", at_,
             ", found the end");
    const std::string_view line = input_.substr(at_, end - at_);
    at_ = end + 1;
    return line;
  }

  template <class T>
  T take_number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  template <class T>
  T parse_number(std::string_view digits) {
    T value{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    SF_CHECK(error == std::errc() && end == digits.data() + digits.size(),
             "pickle: wanted a number of 64 bits, found '", printable(digits), "'");
    return value;
  }

  // Values.
  uint32_t add(Node node) {
    SF_CHECK(out_.nodes_.size() < kMaxNodes, "pickle: more than ", kMaxNodes, " values");
    charge(node.items.size());
    out_.nodes_.push_back(std::move(node));
    return uint32_t(out_.nodes_.size() - 1);
  }

  void charge(size_t references) {
    references_ += references;
    SF_CHECK(references_ <= kMaxReferences, "pickle: more than ", kMaxReferences, " references");
  }

  std::string_view keep(std::string text) {
    SF_CHECK(text.size() <= texts_left_, "pickle: texts larger than twice the input");
    texts_left_ -= text.size();
    return out_.texts_.emplace_back(std::move(text));
  }

  Node& node(uint32_t index) { return out_.nodes_[index]; }

  // The stack. Values below the newest mark are out of reach.
  void push(uint32_t index) {
    SF_CHECK(stack_.size() < kMaxReferences, "pickle: more than ", kMaxReferences,
             " values on the stack");
    stack_.push_back(index);
  }
  void push(Node value) { push(add(std::move(value))); }
  void push_text(PickleKind kind, std::string_view text) { push({.kind = kind, .text = text}); }

  uint32_t pop() {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    SF_CHECK(stack_.size() > floor, "pickle: opcode at byte ", opcode_at_, " finds too few values");
    const uint32_t index = stack_.back();
    stack_.pop_back();
    return index;
  }

  uint32_t top() {
    const uint32_t index = pop();
    stack_.push_back(index);
    return index;
  }

  std::vector<uint32_t> pop_to_mark() {
    SF_CHECK(!marks_.empty(), "pickle: opcode at byte ", opcode_at_, " finds no mark");
    const auto begin = stack_.begin() + ptrdiff_t(marks_.back());
    std::vector<uint32_t> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }

  void push_tuple(size_t count) {
    std::vector<uint32_t> items(count);
    for (size_t i = count; i-- > 0;) items[i] = pop();
    push({.kind = PickleKind::tuple, .items = std::move(items)});
  }

  void extend(PickleKind kind, const std::vector<uint32_t>& items) {
    Node& target = node(top());
    SF_CHECK(target.kind == kind, "pickle: wanted to fill a ", name_of(kind), ", found ",
             name_of(target.kind));
    SF_CHECK(kind != PickleKind::dict || items.size() % 2 == 0,
             "pickle: a dict with a key but no value");
    charge(items.size());
    target.items.insert(target.items.end(), items.begin(), items.end());
  }

  void store(uint32_t key) {
    memo_[key] = top();
    SF_CHECK(memo_.size() <= kMaxReferences, "pickle: more than ", kMaxReferences,
             " memorised values");
  }

  void recall(uint32_t key) {
    const auto found = memo_.find(key);
    SF_CHECK(found != memo_.end(), "pickle: no memorised value ", key);
    push(found->second);
  }

  void push_global(std::string_view module, std::string_view name) {
    std::string full = cat(module, ' ', name);
    const auto known = std::ranges::find(kGlobals, std::string_view(full));
    SF_CHECK(known != kGlobals.end(), "pickle: refuses global ", printable(module), ".",
             printable(name));
    push_text(PickleKind::global, *known);
  }

  void push_long(std::string_view bytes) {
    if (bytes.size() > sizeof(int64_t)) return push_text(PickleKind::big_integer, bytes);
    uint64_t bits = !bytes.empty() && (uint8_t(bytes.back()) & 0x80) ? ~uint64_t{0} : 0;
    std::memcpy(&bits, bytes.data(), bytes.size());
    push({.kind = PickleKind::integer, .integer = int64_t(bits)});
  }

  void push_int_line(std::string_view line) {
    if (line == "00" || line == "01") return push(line == "01" ? true_ : false_);
    push({.kind = PickleKind::integer, .integer = parse_number<int64_t>(line)});
  }

  void push_string_line(std::string_view line) {
    const bool quoted =
        line.size() >= 2 && line.front() == line.back() && (line[0] == '\'' || line[0] == '"');
    SF_CHECK(quoted, "pickle: wanted a quoted string at byte ", opcode_at_);
    push_text(PickleKind::bytes, keep(from_python_literal(line.substr(1, line.size() - 2))));
  }

  void push_float_line(std::string_view line) {
    push({.kind = PickleKind::real, .real = parse_number<double>(line)});
  }

  void push_big_endian_double(std::string_view bytes) {
    uint64_t bits = 0;
    for (const char c : bytes) bits = bits << 8 | uint8_t(c);
    push({.kind = PickleKind::real, .real = std::bit_cast<double>(bits)});
  }

  void build() {
    const uint32_t state = pop();
    Node& target = node(top());
    if (target.kind == PickleKind::dict) return;  // attributes of an OrderedDict
    SF_CHECK(target.kind == PickleKind::call, "pickle: wanted to give state to an object, found ",
             name_of(target.kind));
    target.items.resize(2);
    target.items.push_back(state);
  }

  void reduce();
  std::optional<Node> resolved(std::string_view callee, const std::vector<uint32_t>& arguments);
  bool step(uint8_t opcode);

  std::string_view input_;
  size_t at_ = 0;
  size_t opcode_at_ = 0;
  size_t texts_left_;
  size_t references_ = 0;
  std::vector<uint32_t> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, uint32_t> memo_;
  Pickle out_;
  uint32_t none_, false_, true_;
};

// The value of calls that only build data; none for the others.
std::optional<Pickle::Node> PickleMachine::resolved(std::string_view callee,
                                                    const std::vector<uint32_t>& arguments) {
  const auto elements = [&]() -> std::vector<uint32_t> {
    if (arguments.empty()) return {};
    const Node& source = node(arguments[0]);
    const bool sequence = source.kind == PickleKind::list || source.kind == PickleKind::tuple;
    SF_CHECK(sequence && arguments.size() == 1, "pickle: ", callee, ": wanted one list, found ",
             name_of(source.kind));
    return source.items;
  };
  if (callee == "torch Size") return Node{.kind = PickleKind::tuple, .items = elements()};
  if (callee.ends_with("set")) return Node{.kind = PickleKind::set, .items = elements()};
  if (callee == "collections OrderedDict") {
    Node dict{.kind = PickleKind::dict};
    for (const uint32_t pair : elements()) {
      const Node& items = node(pair);
      SF_CHECK(items.items.size() == 2 &&
                   (items.kind == PickleKind::list || items.kind == PickleKind::tuple),
               "pickle: ", callee, ": wanted pairs, found ", name_of(items.kind));
      dict.items.insert(dict.items.end(), items.items.begin(), items.items.end());
    }
    return dict;
  }
  if (callee == "_codecs encode") {
    SF_CHECK(arguments.size() == 2 && node(arguments[0]).kind == PickleKind::text &&
                 node(arguments[1]).text == "latin1",
             "pickle: _codecs.encode: wanted text and 'latin1'");
    const std::string_view text = node(arguments[0]).text;
    if (text.size() >= kLeastEncoded) return Node{.kind = PickleKind::encoded_bytes, .text = text};
    return Node{.kind = PickleKind::bytes, .text = keep(latin1_from_utf8(text))};
  }
  return std::nullopt;
}

void PickleMachine::reduce() {
  const uint32_t arguments = pop();
  const uint32_t callee = pop();
  SF_CHECK(node(callee).kind == PickleKind::global && node(arguments).kind == PickleKind::tuple,
           "pickle: wanted a global called with a tuple, found ", name_of(node(callee).kind),
           " and ", name_of(node(arguments).kind));
  auto value = resolved(node(callee).text, node(arguments).items);
  push(value ? std::move(*value) : Node{.kind = PickleKind::call, .items = {callee, arguments}});
}

bool PickleMachine::step(uint8_t opcode) {
  using namespace pickle_opcode;
  opcode_at_ = at_ - 1;
  switch (opcode) {
    case PROTO: {
      const int protocol = take_number<uint8_t>();
      SF_CHECK(protocol <= kNewestProtocol, "pickle: wanted protocol 0 to ", kNewestProtocol,
               ", found ", protocol);
      break;
    }
    case FRAME: {
      const auto bytes = take_number<uint64_t>();
      SF_CHECK(bytes <= input_.size() - at_, "pickle: a frame of ", bytes, " bytes at byte ", at_,
               ", found the end at ", input_.size());
      break;
    }
    case STOP: return false;

    case NONE: push(none_); break;
    case NEWTRUE: push(true_); break;
    case NEWFALSE: push(false_); break;
    case INT: push_int_line(take_line()); break;
    case BININT: push({.kind = PickleKind::integer, .integer = take_number<int32_t>()}); break;
    case BININT1: push({.kind = PickleKind::integer, .integer = take_number<uint8_t>()}); break;
    case BININT2: push({.kind = PickleKind::integer, .integer = take_number<uint16_t>()}); break;
    case LONG: {
      std::string_view line = take_line();
      if (line.ends_with('L')) line.remove_suffix(1);
      push({.kind = PickleKind::integer, .integer = parse_number<int64_t>(line)});
      break;
    }
    case LONG1: push_long(take(take_number<uint8_t>())); break;
    case LONG4: push_long(take(take_number<uint32_t>())); break;
    case FLOAT: push_float_line(take_line()); break;
    case BINFLOAT: push_big_endian_double(take(8)); break;

    case STRING: push_string_line(take_line()); break;
    case BINSTRING: push_text(PickleKind::bytes, take(take_number<uint32_t>())); break;
    case SHORT_BINSTRING: push_text(PickleKind::bytes, take(take_number<uint8_t>())); break;
    case UNICODE: push_text(PickleKind::text, keep(from_raw_unicode(take_line()))); break;
    case SHORT_BINUNICODE: push_text(PickleKind::text, take(take_number<uint8_t>())); break;
    case BINUNICODE: push_text(PickleKind::text, take(take_number<uint32_t>())); break;
    case BINUNICODE8: push_text(PickleKind::text, take(take_number<uint64_t>())); break;
    case SHORT_BINBYTES: push_text(PickleKind::bytes, take(take_number<uint8_t>())); break;
    case BINBYTES: push_text(PickleKind::bytes, take(take_number<uint32_t>())); break;
    case BINBYTES8:
    case BYTEARRAY8: push_text(PickleKind::bytes, take(take_number<uint64_t>())); break;

    case EMPTY_TUPLE: push_tuple(0); break;
    case TUPLE1: push_tuple(1); break;
    case TUPLE2: push_tuple(2); break;
    case TUPLE3: push_tuple(3); break;
    case TUPLE: push({.kind = PickleKind::tuple, .items = pop_to_mark()}); break;
    case EMPTY_LIST: push({.kind = PickleKind::list}); break;
    case LIST: push({.kind = PickleKind::list, .items = pop_to_mark()}); break;
    case APPEND: {
      const uint32_t item = pop();
      extend(PickleKind::list, {item});
      break;
    }
    case APPENDS: extend(PickleKind::list, pop_to_mark()); break;
    case EMPTY_DICT: push({.kind = PickleKind::dict}); break;
    case DICT: {
      const auto items = pop_to_mark();
      push({.kind = PickleKind::dict});
      extend(PickleKind::dict, items);
      break;
    }
    case SETITEM: {
      const uint32_t value = pop();
      const uint32_t key = pop();
      extend(PickleKind::dict, {key, value});
      break;
    }
    case SETITEMS: extend(PickleKind::dict, pop_to_mark()); break;
    case EMPTY_SET: push({.kind = PickleKind::set}); break;
    case ADDITEMS: extend(PickleKind::set, pop_to_mark()); break;
    case FROZENSET: push({.kind = PickleKind::set, .items = pop_to_mark()}); break;

    case MARK:
      SF_CHECK(marks_.size() < kMaxMarks, "pickle: more than ", kMaxMarks, " open marks");
      marks_.push_back(stack_.size());
      break;
    case POP:  // of an empty stretch above a mark it takes the mark
      if (!marks_.empty() && marks_.back() == stack_.size()) {
        marks_.pop_back();
      } else {
        pop();
      }
      break;
    case POP_MARK: pop_to_mark(); break;
    case DUP: push(top()); break;

    case PUT: store(parse_number<uint32_t>(take_line())); break;
    case BINPUT: store(take_number<uint8_t>()); break;
    case LONG_BINPUT: store(take_number<uint32_t>()); break;
    case MEMOIZE: store(uint32_t(memo_.size())); break;
    case GET: recall(parse_number<uint32_t>(take_line())); break;
    case BINGET: recall(take_number<uint8_t>()); break;
    case LONG_BINGET: recall(take_number<uint32_t>()); break;

    case GLOBAL: {
      const std::string_view module = take_line();
      push_global(module, take_line());
      break;
    }
    case STACK_GLOBAL: {
      const uint32_t name = pop();
      const uint32_t module = pop();
      SF_CHECK(node(name).kind == PickleKind::text && node(module).kind == PickleKind::text,
               "pickle: wanted a global's module and name as text");
      push_global(node(module).text, node(name).text);
      break;
    }
    case REDUCE:
    case NEWOBJ: reduce(); break;
    case BUILD: build(); break;
    case PERSID: {
      const uint32_t id = add({.kind = PickleKind::text, .text = take_line()});
      push({.kind = PickleKind::persistent, .items = {id}});
      break;
    }
    case BINPERSID: {
      const uint32_t id = pop();
      push({.kind = PickleKind::persistent, .items = {id}});
      break;
    }
    default:
      throw Error(cat("pickle: wanted an opcode for plain data at byte ", opcode_at_,
                      ", found byte ", int(opcode)));
  }
  return true;
}

Pickle Pickle::parse(std::span<const std::byte> bytes) { return PickleMachine(bytes).run(); }

}  // namespace sf
