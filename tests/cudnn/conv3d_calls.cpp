// What the rows tell cuDNN of every convolution of the networks of bench/shapes.
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include "kernels/conv3d/problem_text.h"
#include "tests/cudnn/rows.h"

namespace sf {
namespace {

using namespace sf::test;

// Distinct convolutions of the networks, by their text.
std::set<std::string> network_problems() {
  std::set<std::string> lines;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(SF_SOURCE_DIR) / "bench/shapes")) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);)
      if (line.starts_with("conv3d ")) lines.insert(line);
  }
  return lines;
}

// f(problem) for each, in every type, and with TF32 where there are channels for it.
void for_network_problems(const std::function<void(const Conv3dProblem&)>& f) {
  const auto lines = network_problems();
  ASSERT_GT(lines.size(), 100U);
  for (const std::string& line : lines)
    for (const DType dtype : {DType::f32, DType::bf16, DType::f16})
      for (const bool tf32 : {false, true}) {
        Conv3dProblem p = parse_conv3d_problem(line);
        p.dtype = dtype, p.tf32 = tf32;
        if (!tf32 || (dtype == DType::f32 && p.c % 4 == 0)) f(p);
      }
}

// Memory that nobody touches.
void* address(int number) { return reinterpret_cast<void*>(uintptr_t(number) << 20); }
enum : int { kX = 1, kW, kBias, kResidual, kY, kWorkspace, kStream };

// Differences between what was recorded and what was wanted, as text.
class Differences {
 public:
  template <class T>
  void expect(const std::string& what, const T& found, const T& wanted) {
    if (found != wanted) all_.push_back(what);
  }
  const std::vector<std::string>& all() const { return all_; }

 private:
  std::vector<std::string> all_;
};

using Offset = std::function<int64_t(int64_t, int64_t, int64_t, int64_t, int64_t)>;

struct WantedTensor {
  std::string name;
  std::vector<int64_t> dims;
  Offset offset;  // of the value at n c t h w
  cudnnDataType_t type;
  void* memory;  // null: virtual
};

void compare(Differences& d, const Object& tensor, const WantedTensor& w, const Execution& e) {
  d.expect(w.name + " dims", tensor.all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS), w.dims);
  std::vector<int64_t> strides;
  for (int axis = 0; axis < 5; ++axis)
    strides.push_back(w.offset(axis == 0, axis == 1, axis == 2, axis == 3, axis == 4));
  d.expect(w.name + " strides", tensor.all<int64_t>(CUDNN_ATTR_TENSOR_STRIDES), strides);
  d.expect(w.name + " type", tensor.one<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE), w.type);
  d.expect(w.name + " is virtual", tensor.one<bool>(CUDNN_ATTR_TENSOR_IS_VIRTUAL), !w.memory);
  const auto id = tensor.one<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID);
  const auto bound = e.pointers.find(id);
  d.expect(w.name + " pointer", bound == e.pointers.end() ? nullptr : bound->second, w.memory);
}

cudnnDataType_t type_of(const Conv3dProblem& p) {
  return p.dtype == DType::f32    ? CUDNN_DATA_FLOAT
         : p.dtype == DType::bf16 ? CUDNN_DATA_BFLOAT16
                                  : CUDNN_DATA_HALF;
}

WantedTensor pixels(std::string name, const Conv3dProblem& p, const std::vector<int64_t>& dims,
                    int64_t pitch, void* memory) {
  const auto offset = [dims, pitch](int64_t n, int64_t c, int64_t t, int64_t h, int64_t w) {
    return (((n * dims[2] + t) * dims[3] + h) * dims[4] + w) * pitch + c;
  };
  return {std::move(name), dims, offset, type_of(p), memory};
}
WantedTensor x_of(const Conv3dProblem& p) {
  return pixels("x", p, {p.n, p.c, p.t, p.h, p.w}, p.x_pitch, address(kX));
}
WantedTensor y_of(const Conv3dProblem& p, int64_t pitch, void* memory, std::string name) {
  return pixels(std::move(name), p, {p.n, p.k, p.out_t(), p.out_h(), p.out_w()}, pitch, memory);
}
WantedTensor w_of(const Conv3dProblem& p, cudnnDataType_t type) {
  const int64_t per_group = p.c / p.groups;
  const auto offset = [=](int64_t k, int64_t c, int64_t i, int64_t j, int64_t l) {
    return (((k * p.kt + i) * p.kh + j) * p.kw + l) * per_group + c;
  };
  return {"w", {p.k, per_group, p.kt, p.kh, p.kw}, offset, type, address(kW)};
}

void compare_windows(Differences& d, const Object& windows, const Conv3dProblem& p) {
  const auto wide = [](const std::array<int, 3>& v) {
    return std::vector<int64_t>(v.begin(), v.end());
  };
  const auto values = [&](cudnnBackendAttributeName_t name) { return windows.all<int64_t>(name); };
  d.expect("compute type", windows.one<cudnnDataType_t>(CUDNN_ATTR_CONVOLUTION_COMP_TYPE),
           CUDNN_DATA_FLOAT);
  d.expect("mode", windows.one<cudnnConvolutionMode_t>(CUDNN_ATTR_CONVOLUTION_CONV_MODE),
           CUDNN_CROSS_CORRELATION);
  d.expect("axes", values(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS), {3});
  d.expect("strides", values(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES), wide(p.stride));
  d.expect("dilations", values(CUDNN_ATTR_CONVOLUTION_DILATIONS), wide(p.dilation));
  d.expect("pads before", values(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS), wide(p.pad));
  d.expect("pads behind", values(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS), wide(p.pad));
}

void compare_run(Differences& d, const Execution& e) {
  d.expect("workspace", e.workspace, address(kWorkspace));
  d.expect("stream", static_cast<void*>(e.stream), address(kStream));
}

Differences forward_differences(const Conv3dProblem& p, const Execution& e) {
  Differences d;
  const auto operations = e.operations();
  const size_t wanted =
      1 + size_t(p.residual) + size_t(p.bias) + size_t(p.activation == Activation::relu);
  d.expect("operations", operations.size(), wanted);
  d.expect("pointers", e.pointers.size(), 3 + size_t(p.residual) + size_t(p.bias));
  if (operations.size() != wanted) return d;
  // Of operation i: memory behind the last one, nothing between.
  const auto result = [&](size_t i) {
    const bool last = i + 1 == wanted;
    WantedTensor y = y_of(p, last ? p.y_pitch : p.k, last ? address(kY) : nullptr, "y");
    if (!last) y.type = CUDNN_DATA_FLOAT;
    return y;
  };
  const Object& conv = *operations[0];
  d.expect("operation", conv.type, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
  d.expect("alpha", conv.one<float>(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA), 1.0F);
  d.expect("beta", conv.one<float>(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA), 0.0F);
  compare_windows(d, conv.object(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC), p);
  compare(d, conv.object(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X), x_of(p), e);
  compare(d, conv.object(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W), w_of(p, type_of(p)), e);
  const Object* last = &conv.object(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y);
  compare(d, *last, result(0), e);
  size_t i = 1;
  const auto next = [&](cudnnPointwiseMode_t mode, const WantedTensor* other) {
    const Object& op = *operations[i];
    d.expect("operation", op.type, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    const Object& function = op.object(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
    d.expect("function", function.one<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE), mode);
    d.expect("precision", function.one<cudnnDataType_t>(CUDNN_ATTR_POINTWISE_MATH_PREC),
             CUDNN_DATA_FLOAT);
    d.expect(
        "chain",
        op.object(CUDNN_ATTR_OPERATION_POINTWISE_XDESC).one<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID),
        last->one<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID));
    d.expect("second input", op.has(CUDNN_ATTR_OPERATION_POINTWISE_BDESC), other != nullptr);
    if (other) compare(d, op.object(CUDNN_ATTR_OPERATION_POINTWISE_BDESC), *other, e);
    last = &op.object(CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
    compare(d, *last, result(i++), e);
  };
  const WantedTensor residual = y_of(p, p.residual_pitch, address(kResidual), "residual");
  const auto channel = [&](int64_t n, int64_t c, int64_t t, int64_t h, int64_t w) {
    return c + p.k * (n + t + h + w);
  };
  const WantedTensor bias{"bias", {1, p.k, 1, 1, 1}, channel, CUDNN_DATA_FLOAT, address(kBias)};
  if (p.residual) next(CUDNN_POINTWISE_ADD, &residual);
  if (p.bias) next(CUDNN_POINTWISE_ADD, &bias);
  if (p.activation == Activation::relu) next(CUDNN_POINTWISE_RELU_FWD, nullptr);
  compare_run(d, e);
  return d;
}

Differences data_differences(const Conv3dProblem& p, const Execution& e) {
  Differences d;
  d.expect("operations", e.operations().size(), size_t{1});
  d.expect("pointers", e.pointers.size(), size_t{3});
  const Object& op = *e.operations()[0];
  d.expect("operation", op.type, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR);
  d.expect("alpha", op.one<float>(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA), 1.0F);
  d.expect("beta", op.one<float>(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA), 0.0F);
  compare_windows(d, op.object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC), p);
  compare(d, op.object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX), x_of(p), e);
  compare(d, op.object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W), w_of(p, type_of(p)), e);
  compare(d, op.object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY),
          y_of(p, p.y_pitch, address(kY), "dy"), e);
  compare_run(d, e);
  return d;
}

Differences weight_differences(const Conv3dProblem& p, const Execution& e) {
  Differences d;
  d.expect("operations", e.operations().size(), size_t{1});
  d.expect("pointers", e.pointers.size(), size_t{3});
  const Object& op = *e.operations()[0];
  d.expect("operation", op.type, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR);
  d.expect("alpha", op.one<float>(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA), 1.0F);
  d.expect("beta", op.one<float>(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA), 0.0F);
  compare_windows(d, op.object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC), p);
  compare(d, op.object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X), x_of(p), e);
  compare(d, op.object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW), w_of(p, CUDNN_DATA_FLOAT),
          e);
  compare(d, op.object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY),
          y_of(p, p.y_pitch, address(kY), "dy"), e);
  compare_run(d, e);
  return d;
}

template <class Args>
const Execution& execute(HostLibrary& host, const Kernel<Conv3dProblem, Args>& row,
                         const Conv3dProblem& p, const Args& args) {
  SF_CHECK(row.can_run(p), "cudnn refuses ", to_text(p));
  const auto prepared = row.prepare(p);
  row.run(p, args, prepared.get(), address(kWorkspace),
          Queue{.backend = Backend::cuda, .native = address(kStream)});
  return host.executions.back();
}

Differences forward_differences(HostLibrary& host, const Conv3dProblem& p) {
  return forward_differences(
      p, execute(host, cudnn_row(kConv3d, p.tf32), p,
                 Conv3dArgs{.x = address(kX),
                            .w = address(kW),
                            .bias = p.bias ? address(kBias) : nullptr,
                            .residual = p.residual ? address(kResidual) : nullptr,
                            .y = address(kY)}));
}
Differences data_differences(HostLibrary& host, const Conv3dProblem& p) {
  return data_differences(p, execute(host, cudnn_row(kConv3dData, p.tf32), p,
                                     {.dy = address(kY), .w = address(kW), .dx = address(kX)}));
}
Differences weight_differences(HostLibrary& host, const Conv3dProblem& p) {
  return weight_differences(p, execute(host, cudnn_row(kConv3dWeight, p.tf32), p,
                                       {.x = address(kX), .dy = address(kY), .dw = address(kW)}));
}

TEST(CudnnCalls, SayWhatEveryConvolutionOfTheNetworksIs) {
  HostLibrary host;
  host.runs = false;
  const cudnn::LibraryScope scope(host.functions());
  for_network_problems([&](const Conv3dProblem& p) {
    const std::vector<std::string> none;
    ASSERT_EQ(forward_differences(host, p).all(), none) << to_text(p);
    ASSERT_EQ(data_differences(host, plain(p)).all(), none) << to_text(p);
    ASSERT_EQ(weight_differences(host, plain(p)).all(), none) << to_text(p);
    host.executions.clear();
  });
}

// A defect of the rows, and the first difference that gives it away.
struct Defect {
  const char* name;
  void (*plant)(Object&);
  const char* difference;
};

template <class T>
void change(Object& object, cudnnBackendAttributeName_t name, const std::function<void(T*)>& f) {
  const auto found = object.attributes.find(name);
  if (found != object.attributes.end()) f(reinterpret_cast<T*>(found->second.bytes.data()));
}

constexpr Defect kDefects[] = {
    {"channels_first",
     [](Object& o) {
       change<int64_t>(o, CUDNN_ATTR_TENSOR_STRIDES, [&](int64_t* s) {
         const auto d = o.all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS);
         s[4] = 1, s[3] = d[4], s[2] = d[3] * d[4], s[1] = d[2] * s[2], s[0] = d[1] * s[1];
       });
     },
     "x strides"},
    {"height_and_width_swapped",
     [](Object& o) {
       change<int64_t>(o, CUDNN_ATTR_TENSOR_STRIDES, [](int64_t* s) { std::swap(s[3], s[4]); });
     },
     "x strides"},
    {"mirrored_windows",
     [](Object& o) {
       change<cudnnConvolutionMode_t>(o, CUDNN_ATTR_CONVOLUTION_CONV_MODE,
                                      [](auto* mode) { *mode = CUDNN_CONVOLUTION; });
     },
     "mode"},
    {"sums_in_half_precision",
     [](Object& o) {
       change<cudnnDataType_t>(o, CUDNN_ATTR_CONVOLUTION_COMP_TYPE,
                               [](auto* type) { *type = CUDNN_DATA_HALF; });
     },
     "compute type"},
    {"no_padding_behind",
     [](Object& o) {
       change<int64_t>(o, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, [](int64_t* v) { v[1] = 0; });
     },
     "pads behind"},
    {"pointers_mixed_up",
     [](Object& o) {
       change<void*>(o, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
                     [](void** v) { std::swap(v[0], v[1]); });
     },
     "x pointer"},
};

class CudnnDefects : public ::testing::TestWithParam<Defect> {};
INSTANTIATE_TEST_SUITE_P(Planted, CudnnDefects, ::testing::ValuesIn(kDefects),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(CudnnDefects, AreFoundInAllThreeDirections) {
  HostLibrary host;
  host.runs = false;
  host.defect = GetParam().plant;
  const cudnn::LibraryScope scope(host.functions());
  const Conv3dProblem p = parse_conv3d_problem(
      "conv3d bf16 n2 t4 h6 w5 c8 k16 kernel3x3x3 stride1x1x1 pad1x1x1 dilation1x1x1 groups1");
  for (const Differences& d :
       {forward_differences(host, p), data_differences(host, p), weight_differences(host, p)}) {
    ASSERT_FALSE(d.all().empty());
    EXPECT_EQ(d.all()[0], GetParam().difference);
  }
}

// The same by results: a graph that cuDNN would take, and that computes something else.
TEST(CudnnDefects, AWrongLayoutGivesWrongResults) {
  HostLibrary host;
  const Conv3dProblem p = dense({.t = 2, .h = 5, .w = 5, .c = 4, .k = 4, .kh = 3, .kw = 3});
  Conv3dData<float> right(p), wrong(p);
  right.fill(small_integers).run(reference_of(kConv3d));
  const cudnn::LibraryScope scope(host.functions());
  host.defect = [](Object& o) {
    if (o.type == CUDNN_BACKEND_TENSOR_DESCRIPTOR &&
        o.one<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID) == 1)
      change<int64_t>(o, CUDNN_ATTR_TENSOR_STRIDES, [](int64_t* s) { std::swap(s[3], s[4]); });
  };
  wrong.fill(small_integers).run(cudnn_row(kConv3d));
  bool differs = false;
  for (int64_t i = 0; i < right.y.rows(); ++i)
    for (int64_t k = 0; k < p.k; ++k) differs |= right.y.at(i, k) != wrong.y.at(i, k);
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace sf
