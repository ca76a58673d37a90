#include "apps/engine/pickle_writer.h"

namespace sf {
namespace {

// Opcodes of CPython's pickletools.
class Pickler {
 public:
  void op(char code) { text_ += code; }
  void global(std::string_view module, std::string_view name) {
    text_ += 'c';
    text_ += module;
    text_ += '\n';
    text_ += name;
    text_ += '\n';
  }
  void integer(int64_t value) { little_endian("\x8a\x08", uint64_t(value), 8); }
  void text(std::string_view value) {
    little_endian("X", value.size(), 4);
    text_ += value;
  }
  // Bytes in protocol 2, as Python 3 writes them: text of the same code points, encoded as latin-1.
  void bytes(std::string_view value) {
    global("_codecs", "encode");
    std::string utf8;
    for (char c : value) {
      const auto byte = uint8_t(c);
      if (byte < 0x80) {
        utf8 += c;
      } else {
        utf8 += char(0xC0 | (byte >> 6));
        utf8 += char(0x80 | (byte & 0x3F));
      }
    }
    text(utf8);
    text("latin1");
    op('\x86');  // tuple of two
    op('R');     // call
  }
  std::string take() { return std::move(text_); }

 private:
  void little_endian(std::string_view code, uint64_t value, int width) {
    text_ += code;
    for (int i = 0; i < width; ++i) text_ += char(value >> (8 * i));
  }

  std::string text_;
};

std::string_view numpy_type(DType dtype) {
  switch (dtype) {
    case DType::f32: return "f4";
    case DType::f64: return "f8";
    case DType::i64: return "i8";
    default: throw Error(cat("pickle: wanted f32, f64 or i64, found ", dtype));
  }
}

void write_array(Pickler& p, const Tensor& tensor) {
  p.global("numpy.core.multiarray", "_reconstruct");
  p.global("numpy", "ndarray");
  p.op('(');
  p.integer(0);
  p.op('t');
  p.bytes("b");
  p.op('\x87');  // tuple of three
  p.op('R');

  p.op('(');  // the state: version, shape, dtype, Fortran order, data
  p.integer(1);
  p.op('(');
  for (int64_t extent : tensor.shape().extents()) p.integer(extent);
  p.op('t');
  p.global("numpy", "dtype");
  p.text(numpy_type(tensor.dtype()));
  p.op('\x89');  // False
  p.op('\x88');  // True
  p.op('\x87');
  p.op('R');
  p.op('(');  // the dtype's state: little endian, nothing else
  p.integer(3);
  p.text("<");
  for (int i = 0; i < 3; ++i) p.op('N');
  p.integer(-1);
  p.integer(-1);
  p.integer(0);
  p.op('t');
  p.op('b');
  p.op('\x89');
  p.bytes({reinterpret_cast<const char*>(tensor.data()), size_t(tensor.type().bytes())});
  p.op('t');
  p.op('b');
}

}  // namespace

std::string pickled_arrays(const std::vector<Tensor>& tensors) {
  Pickler p;
  p.op('\x80');  // protocol 2
  p.op('\x02');
  p.op(']');
  for (const Tensor& tensor : tensors) {
    write_array(p, tensor);
    p.op('a');
  }
  p.op('.');
  return p.take();
}

}  // namespace sf
