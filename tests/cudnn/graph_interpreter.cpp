#include "tests/cudnn/graph_interpreter.h"

#include <array>
#include <cstring>

#include "kernels/base/half.h"
#include "tests/cudnn/host_library.h"

namespace sf::test {
namespace {

using Index = std::array<int64_t, 5>;  // N C T H W

template <class F>
void for_each_index(const Index& dims, const F& f) {
  Index i{};
  for (i[0] = 0; i[0] < dims[0]; ++i[0])
    for (i[1] = 0; i[1] < dims[1]; ++i[1])
      for (i[2] = 0; i[2] < dims[2]; ++i[2])
        for (i[3] = 0; i[3] < dims[3]; ++i[3])
          for (i[4] = 0; i[4] < dims[4]; ++i[4]) f(i);
}

Index index_of(const std::vector<int64_t>& v) {
  return {v.at(0), v.at(1), v.at(2), v.at(3), v.at(4)};
}

// Values of one tensor: where its strides lead to, or, between operations, in memory of its own.
class Values {
 public:
  Values(const Object& tensor, const Execution& execution,
         std::map<int64_t, std::vector<double>>& between)
      : dims(index_of(tensor.all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS))),
        strides_(index_of(tensor.all<int64_t>(CUDNN_ATTR_TENSOR_STRIDES))),
        type_(tensor.one<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE)) {
    const auto id = tensor.one<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID);
    if (tensor.one<bool>(CUDNN_ATTR_TENSOR_IS_VIRTUAL)) {
      int64_t last = 0;
      for (size_t axis = 0; axis < 5; ++axis) last += (dims[axis] - 1) * strides_[axis];
      between_ = &between[id];
      between_->resize(size_t(last) + 1);
    } else {
      memory_ = execution.pointers.at(id);
    }
  }

  const Index dims;

  double at(const Index& i) const {
    const int64_t offset = offset_of(i);
    if (between_) return between_->at(size_t(offset));
    if (type_ == CUDNN_DATA_FLOAT) return static_cast<float*>(memory_)[offset];
    if (type_ == CUDNN_DATA_HALF) return double(float(static_cast<f16*>(memory_)[offset]));
    return double(float(static_cast<bf16*>(memory_)[offset]));
  }
  void set(const Index& i, double value) {
    const int64_t offset = offset_of(i);
    if (between_)
      between_->at(size_t(offset)) = double(float(value));
    else if (type_ == CUDNN_DATA_FLOAT)
      static_cast<float*>(memory_)[offset] = float(value);
    else if (type_ == CUDNN_DATA_HALF)
      static_cast<f16*>(memory_)[offset] = f16(float(value));
    else
      static_cast<bf16*>(memory_)[offset] = bf16(float(value));
  }

 private:
  // Axes of one value are repeated.
  int64_t offset_of(const Index& i) const {
    int64_t offset = 0;
    for (size_t axis = 0; axis < 5; ++axis)
      offset += (dims[axis] == 1 ? 0 : i[axis]) * strides_[axis];
    return offset;
  }

  Index strides_;
  cudnnDataType_t type_;
  void* memory_ = nullptr;
  std::vector<double>* between_ = nullptr;
};

struct Windows {
  explicit Windows(const Object& d)
      : stride(d.all<int64_t>(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES)),
        dilation(d.all<int64_t>(CUDNN_ATTR_CONVOLUTION_DILATIONS)),
        before(d.all<int64_t>(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS)),
        after(d.all<int64_t>(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS)),
        flips(d.one<cudnnConvolutionMode_t>(CUDNN_ATTR_CONVOLUTION_CONV_MODE) ==
              CUDNN_CONVOLUTION) {}

  std::vector<int64_t> stride, dilation, before, after;
  bool flips;

  bool fit(const Index& x, const Index& w, const Index& y) const {
    for (size_t a = 0; a < 3; ++a)
      if (y[a + 2] !=
          (x[a + 2] + before[a] + after[a] - dilation[a] * (w[a + 2] - 1) - 1) / stride[a] + 1)
        return false;
    return x[0] == y[0] && w[0] == y[1] && x[1] % w[1] == 0 && w[0] % (x[1] / w[1]) == 0;
  }
};

// f(x's index, w's index) for all that an output sees.
template <class F>
void for_each_product(const Windows& windows, const Index& x, const Index& w, const Index& y,
                      const Index& out, const F& f) {
  const int64_t group = out[1] / (y[1] / (x[1] / w[1]));
  for_each_index({1, w[1], w[2], w[3], w[4]}, [&](Index tap) {
    Index in{out[0], group * w[1] + tap[1], 0, 0, 0};
    for (size_t a = 0; a < 3; ++a) {
      in[a + 2] =
          out[a + 2] * windows.stride[a] + tap[a + 2] * windows.dilation[a] - windows.before[a];
      if (in[a + 2] < 0 || in[a + 2] >= x[a + 2]) return;
      if (windows.flips) tap[a + 2] = w[a + 2] - 1 - tap[a + 2];
    }
    tap[0] = out[1];
    f(in, tap);
  });
}

size_t flat(const Index& dims, const Index& i) {
  size_t at = 0;
  for (size_t axis = 0; axis < 5; ++axis) at = at * size_t(dims[axis]) + size_t(i[axis]);
  return at;
}

size_t size(const Index& dims) {
  size_t all = 1;
  for (const int64_t d : dims) all *= size_t(d);
  return all;
}

// Sums of products into one of the three tensors of a convolution.
enum class Into : uint8_t { y, x, w };

bool convolve(const Windows& windows, Into into, Values x, Values w, Values y) {
  if (!windows.fit(x.dims, w.dims, y.dims)) return false;
  Values& result = into == Into::y ? y : into == Into::x ? x : w;
  std::vector<double> sums(size(result.dims));
  for_each_index(y.dims, [&](const Index& out) {
    for_each_product(windows, x.dims, w.dims, y.dims, out, [&](const Index& in, const Index& tap) {
      if (into == Into::y) sums[flat(y.dims, out)] += x.at(in) * w.at(tap);
      if (into == Into::x) sums[flat(x.dims, in)] += y.at(out) * w.at(tap);
      if (into == Into::w) sums[flat(w.dims, tap)] += y.at(out) * x.at(in);
    });
  });
  for_each_index(result.dims, [&](const Index& i) { result.set(i, sums[flat(result.dims, i)]); });
  return true;
}

}  // namespace

bool interpret(const Execution& execution) {
  std::map<int64_t, std::vector<double>> between;
  for (const auto& operation : execution.operations()) {
    const Object& op = *operation;
    const auto values = [&](cudnnBackendAttributeName_t name) {
      return Values(op.object(name), execution, between);
    };
    switch (op.type) {
      case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
        if (!convolve(Windows(op.object(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC)),
                      Into::y, values(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X),
                      values(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W),
                      values(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y)))
          return false;
        break;
      case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
        if (!convolve(Windows(op.object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC)),
                      Into::x, values(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX),
                      values(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W),
                      values(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY)))
          return false;
        break;
      case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
        if (!convolve(Windows(op.object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC)),
                      Into::w, values(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X),
                      values(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW),
                      values(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY)))
          return false;
        break;
      case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR: {
        const auto mode = op.object(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR)
                              .one<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE);
        const Values from = values(CUDNN_ATTR_OPERATION_POINTWISE_XDESC);
        Values to = values(CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
        for_each_index(to.dims, [&](const Index& i) {
          const double v = from.at(i);
          to.set(i, mode == CUDNN_POINTWISE_ADD
                        ? v + values(CUDNN_ATTR_OPERATION_POINTWISE_BDESC).at(i)
                        : std::max(v, 0.0));
        });
        break;
      }
      default: return false;
    }
  }
  return true;
}

}  // namespace sf::test
