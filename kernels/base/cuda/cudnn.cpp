#include "kernels/base/cuda/cudnn.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "kernels/base/cuda/libraries.h"
#include "kernels/base/cuda/library_contexts.h"
#include "kernels/base/cuda/loaded_library.h"
#include "kernels/base/cuda/runtime.h"
#include "kernels/base/error.h"
#include "kernels/base/shared_library.h"

namespace sf::cudnn {
namespace {

// Descriptions of devices came with 9.8.
constexpr size_t kOldest = 90800;
// More memory than this for a layer is not worth its time.
constexpr int64_t kMostWorkspace = int64_t{1} << 30;
// Of the library's suggestions that are tried.
constexpr size_t kMostSuggestions = 64;

void find_functions(Library& l) {
  const SharedLibrary file("SF_CUDNN_LIBRARY", "libcudnn.so.9");
  l.get_version = file.symbol("cudnnGetVersion");
  l.get_error_string = file.symbol("cudnnGetErrorString");
  l.get_last_error_string = file.symbol("cudnnGetLastErrorString");
  l.create = file.symbol("cudnnCreate");
  l.set_stream = file.symbol("cudnnSetStream");
  l.create_descriptor = file.symbol("cudnnBackendCreateDescriptor");
  l.destroy_descriptor = file.symbol("cudnnBackendDestroyDescriptor");
  l.set_attribute = file.symbol("cudnnBackendSetAttribute");
  l.get_attribute = file.symbol("cudnnBackendGetAttribute");
  l.finalize = file.symbol("cudnnBackendFinalize");
  l.execute = file.symbol("cudnnBackendExecute");
}

const cuda::LoadedLibrary<Library>& loaded() {
  static const auto once = cuda::load_library<Library>(
      find_functions, [](size_t version) { return version >= kOldest && version / 10000 == 9; },
      "9.8 or a later 9");
  return once;
}

LibraryContexts<Library, Context>& contexts() {
  static auto* all = new LibraryContexts<Library, Context>(loaded_library);
  return *all;
}

[[noreturn]] void refuse(const Library& library, cudnnStatus_t status) {
  char reason[256] = "";
  library.get_last_error_string(reason, sizeof reason);
  throw Error(cat("cudnn: ", library.get_error_string(status), reason[0] ? ": " : "", reason));
}

void check(const Library& library, cudnnStatus_t status) {
  if (status != CUDNN_STATUS_SUCCESS) refuse(library, status);
}

template <class T>
std::vector<T> values_of(const Descriptor& from, cudnnBackendAttributeName_t name,
                         cudnnBackendAttributeType_t type, int64_t most) {
  std::vector<T> values(static_cast<size_t>(most));
  int64_t count = 0;
  const Library& library = from.library();
  check(library, library.get_attribute(from.native(), name, type, most, &count, values.data()));
  values.resize(size_t(std::min(count, most)));
  return values;
}

// What the description of an engine may say of its results.
bool keeps_promise(const Descriptor& config, bool exact_factors) {
  const Library& library = config.library();
  Descriptor engine(library, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t native = engine.native();
  int64_t count = 0;
  check(library, library.get_attribute(config.native(), CUDNN_ATTR_ENGINECFG_ENGINE,
                                       CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &native));
  const auto notes = values_of<cudnnBackendNumericalNote_t>(
      engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
      CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  return std::ranges::none_of(notes, [&](cudnnBackendNumericalNote_t note) {
    return (note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE)
               ? exact_factors
               : note != CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP;
  });
}

Descriptor current_device(const Library& library) {
  Descriptor device(library, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  const std::string& text = library.device_text;
  if (!text.empty())
    device.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, int64_t(text.size()),
               text.data());
  else {
    const int32_t id = library.current_device();
    device.set(CUDNN_ATTR_DEVICEPROP_DEVICE_ID, CUDNN_TYPE_INT32, 1, &id);
  }
  device.finalize();
  return device;
}

}  // namespace

const Library* loaded_library() { return loaded().works ? &loaded().library : nullptr; }

LibraryScope::LibraryScope(const Library& library) { contexts().stand_in(&library); }
LibraryScope::~LibraryScope() { contexts().stand_in(nullptr); }

Descriptor::Descriptor(const Library& library, cudnnBackendDescriptorType_t type)
    : library_(&library) {
  check(library, library.create_descriptor(type, &native_));
}

Descriptor::Descriptor(Descriptor&& other) noexcept
    : library_(other.library_), native_(std::exchange(other.native_, nullptr)) {}

Descriptor::~Descriptor() {
  if (native_) library_->destroy_descriptor(native_);
}

Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                            int64_t count, const void* values) {
  check(*library_, library_->set_attribute(native_, name, type, count, values));
  return *this;
}

Descriptor& Descriptor::finalize() {
  check(*library_, library_->finalize(native_));
  return *this;
}

cudnnDataType_t data_type(DType dtype) {
  if (dtype == DType::bf16) return CUDNN_DATA_BFLOAT16;
  return dtype == DType::f16 ? CUDNN_DATA_HALF : CUDNN_DATA_FLOAT;
}

Descriptor describe(const Library& library, const Tensor& tensor) {
  Descriptor desc(library, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  desc.set(CUDNN_ATTR_TENSOR_DATA_TYPE, tensor.type)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, tensor.dims)
      .set(CUDNN_ATTR_TENSOR_STRIDES, tensor.strides)
      .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, tensor.id)
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, tensor.alignment)
      .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, tensor.is_virtual)
      .finalize();
  return desc;
}

Plan::Plan(const Library& library, std::span<const Descriptor> operations, bool float32, bool tf32)
    : library_(library), graph_(library, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR) {
  std::vector<cudnnBackendDescriptor_t> natives;
  for (const Descriptor& operation : operations) natives.push_back(operation.native());
  const Descriptor device = current_device(library);
  graph_
      .set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, int64_t(natives.size()),
           natives.data())
      .finalize();
  const bool exact_factors = float32 && !tf32;
  SF_CHECK(take(device, CUDNN_HEUR_MODE_A, exact_factors) ||
               take(device, CUDNN_HEUR_MODE_FALLBACK, exact_factors),
           "cudnn: no engine for this problem");
}

bool Plan::take(const Descriptor& device, cudnnBackendHeurMode_t mode, bool exact_factors) {
  Descriptor heuristics(library_, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph_)
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode)
      .set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device);
  std::vector<Descriptor> configs;
  std::vector<cudnnBackendDescriptor_t> natives;
  for (size_t i = 0; i < kMostSuggestions; ++i) {
    configs.emplace_back(library_, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    natives.push_back(configs.back().native());
  }
  int64_t count = 0;
  if (library_.finalize(heuristics.native()) != CUDNN_STATUS_SUCCESS ||
      library_.get_attribute(heuristics.native(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                             CUDNN_TYPE_BACKEND_DESCRIPTOR, int64_t(natives.size()), &count,
                             natives.data()) != CUDNN_STATUS_SUCCESS)
    return false;
  for (Descriptor& config :
       std::span(configs).first(size_t(std::min(count, int64_t(configs.size()))))) {
    if (!keeps_promise(config, exact_factors)) continue;
    auto plan = std::make_unique<Descriptor>(library_, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    plan->set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config)
        .set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device);
    if (library_.finalize(plan->native()) != CUDNN_STATUS_SUCCESS) continue;
    const auto bytes =
        values_of<int64_t>(*plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1);
    if (bytes.size() != 1 || bytes[0] < 0 || bytes[0] > kMostWorkspace) continue;
    workspace_bytes_ = size_t(bytes[0]);
    config_ = std::make_unique<Descriptor>(std::move(config));
    plan_ = std::move(plan);
    return true;
  }
  return false;
}

Context* Context::current() { return contexts().current(); }

std::shared_ptr<const Plan> Context::plan(const std::string& name,
                                          const std::function<Plan(const Library&)>& make) {
  const std::lock_guard lock(plans_mutex_);
  const auto [found, is_new] = plans_.try_emplace(name);
  if (!is_new) return found->second;
  try {
    found->second = std::make_shared<const Plan>(make(library_));
  } catch (const Error&) {}  // remembered as null
  return found->second;
}

void Context::open() {
  const std::lock_guard lock(handle_mutex_);
  if (!handle_) check(library_, library_.create(&handle_));
}

bool Context::execute(const Plan& plan, const Descriptor& pack, void* stream) noexcept {
  const std::lock_guard lock(handle_mutex_);
  cudnnStatus_t status = library_.set_stream(handle_, static_cast<cudaStream_t>(stream));
  if (status == CUDNN_STATUS_SUCCESS)
    status = library_.execute(handle_, plan.native(), pack.native());
  if (status != CUDNN_STATUS_SUCCESS) cuda::leave_error("cudnn", library_.get_error_string(status));
  return status == CUDNN_STATUS_SUCCESS;
}

Call::Call(Context& context, std::shared_ptr<const Plan> plan, size_t tensors)
    : context_(context), plan_(std::move(plan)), ids_(tensors), pointers_(tensors) {
  std::iota(ids_.begin(), ids_.end(), int64_t{1});
  context_.open();
}

void Call::run(std::span<const void* const> tensors, void* workspace, Queue queue) noexcept {
  try {
    if (!pack_ || workspace != workspace_ || !std::ranges::equal(tensors, pointers_)) {
      pack_.reset();
      auto pack =
          std::make_unique<Descriptor>(context_.library(), CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
      std::ranges::copy(tensors, pointers_.begin());
      workspace_ = workspace;
      void* aligned = cuda::aligned_workspace(workspace);
      pack->set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids_)
          .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
               int64_t(pointers_.size()), pointers_.data())
          .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &aligned)
          .finalize();
      pack_ = std::move(pack);
    }
    context_.execute(*plan_, *pack_, queue.native);
  } catch (const std::exception& e) { cuda::leave_error("cudnn", e.what()); }
}

}  // namespace sf::cudnn

namespace sf {

std::string describe_cudnn() { return cudnn::loaded().found; }

}  // namespace sf
