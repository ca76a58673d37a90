// Rows of cuDNN: the forward convolution with its bias, residual and ReLU, and both gradients, of
// dense tensors: where pixels lie apart, its engines read what is between them and multiply it by
// zero, which a NaN there shows. What cuDNN has no engine for, a fusion among it, the rows refuse.
// In float32 they keep its precision; where the problem says so the rows of TF32 do not. Tensors
// that are not aligned to 16 bytes go to the rows `direct`.
#include "kernels/base/cuda/cudnn.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "kernels/base/storage.h"
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/backward_weight.h"
#include "kernels/conv3d/problem_text.h"

namespace sf {

namespace cuda {
extern const Conv3dKernel kConv3dDirect;
extern const Conv3dBackwardDataKernel kConv3dBackwardDataDirect;
extern const Conv3dBackwardWeightKernel kConv3dBackwardWeightDirect;
}  // namespace cuda

namespace cudnn {
namespace {

// What a row computes, and the first part of its plans' names.
enum class Direction : uint8_t { forward, backward_data, backward_weight };

// The tensors of a graph, counted in the order in which runs give their pointers: these, then bias
// and residual where there are such.
enum Id : int64_t { kX = 1, kW, kY };

int64_t bias_id(const Conv3dProblem& p) { return kY + int64_t(p.bias); }
int64_t residual_id(const Conv3dProblem& p) { return bias_id(p) + int64_t(p.residual); }

// Of all tensors, in bytes.
constexpr int64_t kAlignment = 16;

Tensor activation(const Conv3dProblem& p, int64_t id, std::array<int64_t, 5> dims) {
  const auto [n, c, t, h, w] = dims;
  return {.id = id,
          .type = data_type(p.dtype),
          .dims = dims,
          .strides = {t * h * w * c, 1, h * w * c, w * c, c},
          .alignment = kAlignment};
}

Tensor x_of(const Conv3dProblem& p) { return activation(p, kX, {p.n, p.c, p.t, p.h, p.w}); }

Tensor y_of(const Conv3dProblem& p, int64_t id) {
  return activation(p, id, {p.n, p.k, p.out_t(), p.out_h(), p.out_w()});
}

Tensor w_of(const Conv3dProblem& p, cudnnDataType_t type) {
  const int64_t c = p.c / p.groups, w = c * p.kw, h = w * p.kh, k = h * p.kt;
  return {.id = kW,
          .type = type,
          .dims = {p.k, c, p.kt, p.kh, p.kw},
          .strides = {k, 1, h, w, c},
          .alignment = kAlignment};
}

Tensor bias_of(const Conv3dProblem& p) {
  return {.id = bias_id(p),
          .dims = {1, p.k, 1, 1, 1},
          .strides = {p.k, 1, p.k, p.k, p.k},
          .alignment = kAlignment};
}

Descriptor windows(const Library& library, const Conv3dProblem& p) {
  const auto set = [](Descriptor& d, cudnnBackendAttributeName_t name,
                      const std::array<int, 3>& v) {
    d.set(name, std::array<int64_t, 3>{v[0], v[1], v[2]});
  };
  const auto mode = CUDNN_CROSS_CORRELATION;
  Descriptor d(library, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  d.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode)
      .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, int64_t{3});
  set(d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, p.stride);
  set(d, CUDNN_ATTR_CONVOLUTION_DILATIONS, p.dilation);
  set(d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, p.pad);
  set(d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, p.pad);
  d.finalize();
  return d;
}

// The names of a convolution's attributes, which each direction has its own of.
struct ConvolutionNames {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t windows, alpha, beta, x, w, y;
};

constexpr ConvolutionNames kNames[] = {
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY},
};

Descriptor convolution(const Library& library, Direction direction, const Conv3dProblem& p,
                       const Tensor& x, const Tensor& w, const Tensor& y) {
  const ConvolutionNames& names = kNames[size_t(direction)];
  Descriptor operation(library, names.type);
  operation.set(names.windows, windows(library, p))
      .set(names.alpha, 1.0F)
      .set(names.beta, 0.0F)
      .set(names.x, describe(library, x))
      .set(names.w, describe(library, w))
      .set(names.y, describe(library, y))
      .finalize();
  return operation;
}

// to = from + other, or relu(from) without one.
Descriptor pointwise(const Library& library, const Tensor& from, const Tensor* other,
                     const Tensor& to) {
  const auto mode = other ? CUDNN_POINTWISE_ADD : CUDNN_POINTWISE_RELU_FWD;
  Descriptor function(library, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  function.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode)
      .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT)
      .finalize();
  Descriptor operation(library, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, function)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, describe(library, from));
  if (other) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, describe(library, *other));
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, describe(library, to)).finalize();
  return operation;
}

// The convolution, then one operation for each of residual, bias and ReLU, in the order that
// cuDNN's own fused engines know; sums between them are virtual and float32.
std::vector<Descriptor> forward(const Library& library, const Conv3dProblem& p) {
  const Tensor y = y_of(p, kY), residual = y_of(p, residual_id(p)), bias = bias_of(p);
  const bool relu = p.activation == Activation::relu;
  int left = int(p.residual) + int(p.bias) + int(relu);
  int64_t id = residual_id(p);
  const auto next = [&] {
    if (left-- == 0) return y;
    Tensor between = y_of(p, ++id);
    between.type = CUDNN_DATA_FLOAT;
    between.is_virtual = true;
    return between;
  };
  std::vector<Descriptor> operations;
  Tensor last = next();
  operations.push_back(
      convolution(library, Direction::forward, p, x_of(p), w_of(p, data_type(p.dtype)), last));
  const auto append = [&](const Tensor* other) {
    const Tensor to = next();
    operations.push_back(pointwise(library, last, other, to));
    last = to;
  };
  if (p.residual) append(&residual);
  if (p.bias) append(&bias);
  if (relu) append(nullptr);
  return operations;
}

std::vector<Descriptor> operations(const Library& library, Direction direction,
                                   const Conv3dProblem& p) {
  if (direction == Direction::forward) return forward(library, p);
  const bool weight = direction == Direction::backward_weight;
  std::vector<Descriptor> one;
  one.push_back(convolution(library, direction, p, x_of(p),
                            w_of(p, weight ? CUDNN_DATA_FLOAT : data_type(p.dtype)), y_of(p, kY)));
  return one;
}

std::string name_of(Direction direction, const Conv3dProblem& p) {
  return cat(int(direction), " ", to_text(p));
}

std::shared_ptr<const Plan> plan_of(Context& context, Direction direction, const Conv3dProblem& p) {
  return context.plan(name_of(direction, p), [&](const Library& library) {
    return Plan(library, operations(library, direction, p), p.dtype == DType::f32, p.tf32);
  });
}

bool is_dense(const Conv3dProblem& p) {
  return p.x_pitch == p.c && p.y_pitch == p.k && (!p.residual || p.residual_pitch == p.k);
}
// Of fewer channels, TF32 engines round more than factors.
bool fills_tensor_cores(const Conv3dProblem& p) {
  return p.c / p.groups % 4 == 0 && p.k / p.groups % 4 == 0;
}

template <Direction kDirection, bool kTf32>
bool can_run(const Conv3dProblem& p) {
  if (!is_storage(p.dtype) || p.tf32 != kTf32 || p.sums || !is_dense(p)) return false;
  if (kTf32 && !fills_tensor_cores(p)) return false;
  if (kDirection == Direction::backward_weight && p.bias) return false;
  Context* context = Context::current();
  return context && plan_of(*context, kDirection, p);
}

template <Direction kDirection>
std::shared_ptr<void> prepare(const Conv3dProblem& p) {
  Context* context = Context::current();
  SF_CHECK(context, "cudnn: wanted a device, found none");
  auto plan = plan_of(*context, kDirection, p);
  SF_CHECK(plan, "cudnn: no engine for ", to_text(p));
  const int64_t tensors = kDirection == Direction::forward ? residual_id(p) : int64_t{kY};
  return std::make_shared<Call>(*context, std::move(plan), size_t(tensors));
}

Call& call_of(void* prepared) { return *static_cast<Call*>(prepared); }

size_t workspace_bytes(const Conv3dProblem&, void* prepared) {
  return call_of(prepared).workspace_bytes();
}
size_t weight_workspace_bytes(const Conv3dProblem& p, void* prepared) {
  return std::max(call_of(prepared).workspace_bytes(),
                  cuda::kConv3dBackwardWeightDirect.workspace_bytes(p, nullptr));
}

bool aligned(std::span<const void* const> tensors) {
  return std::ranges::all_of(tensors, [](const void* data) {
    return reinterpret_cast<uintptr_t>(data) % kAlignment == 0;
  });
}

void run_forward(const Conv3dProblem& p, const Conv3dArgs& a, void* prepared, void* workspace,
                 Queue queue) {
  const std::array<const void*, 5> all{a.x, a.w, a.y, p.bias ? a.bias : a.residual, a.residual};
  const auto tensors = std::span(all).first(size_t(residual_id(p)));
  if (!aligned(tensors)) return cuda::kConv3dDirect.run(p, a, nullptr, nullptr, queue);
  call_of(prepared).run(tensors, workspace, queue);
}

void run_data(const Conv3dProblem& p, const Conv3dBackwardDataArgs& a, void* prepared,
              void* workspace, Queue queue) {
  const std::array<const void*, 3> tensors{a.dx, a.w, a.dy};
  if (!aligned(tensors)) return cuda::kConv3dBackwardDataDirect.run(p, a, nullptr, nullptr, queue);
  call_of(prepared).run(tensors, workspace, queue);
}

void run_weight(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& a, void* prepared,
                void* workspace, Queue queue) {
  const std::array<const void*, 3> tensors{a.x, a.dw, a.dy};
  if (!aligned(tensors))
    return cuda::kConv3dBackwardWeightDirect.run(p, a, nullptr, workspace, queue);
  call_of(prepared).run(tensors, workspace, queue);
}

template <class Args, Direction kDirection, bool kTf32>
constexpr Kernel<Conv3dProblem, Args> row(void (*run)(const Conv3dProblem&, const Args&, void*,
                                                      void*, Queue)) {
  return {.name = kTf32 ? "cudnn_tf32" : "cudnn",
          .exact = !kTf32,
          .can_run = can_run<kDirection, kTf32>,
          .prepare = prepare<kDirection>,
          .workspace_bytes =
              kDirection == Direction::backward_weight ? weight_workspace_bytes : workspace_bytes,
          .run = run};
}

}  // namespace

std::span<const Conv3dKernel> conv3d_kernels() {
  static constexpr std::array rows{row<Conv3dArgs, Direction::forward, false>(run_forward),
                                   row<Conv3dArgs, Direction::forward, true>(run_forward)};
  return rows;
}

std::span<const Conv3dBackwardDataKernel> conv3d_backward_data_kernels() {
  static constexpr std::array rows{
      row<Conv3dBackwardDataArgs, Direction::backward_data, false>(run_data),
      row<Conv3dBackwardDataArgs, Direction::backward_data, true>(run_data)};
  return rows;
}

std::span<const Conv3dBackwardWeightKernel> conv3d_backward_weight_kernels() {
  static constexpr std::array rows{
      row<Conv3dBackwardWeightArgs, Direction::backward_weight, false>(run_weight),
      row<Conv3dBackwardWeightArgs, Direction::backward_weight, true>(run_weight)};
  return rows;
}

}  // namespace cudnn
}  // namespace sf
