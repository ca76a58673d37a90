// cuDNN as kernels use it: loaded at first use, planned when a problem is prepared, run with
// pointers alone.
//
// Of its two interfaces this is the graph one (cudnnBackend*). The cudnnConvolution* functions are
// deprecated, want a bias of the tensor's own half type and write weight gradients of half types in
// that type only; here every tensor has its type and its strides.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cudnn_graph.h>

#include "kernels/base/cuda/library_workspace.h"
#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf::cudnn {

// The functions that are called, and where they run.
struct Library {
  decltype(&cudnnGetVersion) get_version = nullptr;
  decltype(&cudnnGetErrorString) get_error_string = nullptr;
  decltype(&cudnnGetLastErrorString) get_last_error_string = nullptr;
  decltype(&cudnnCreate) create = nullptr;
  decltype(&cudnnSetStream) set_stream = nullptr;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor = nullptr;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor = nullptr;
  decltype(&cudnnBackendSetAttribute) set_attribute = nullptr;
  decltype(&cudnnBackendGetAttribute) get_attribute = nullptr;
  decltype(&cudnnBackendFinalize) finalize = nullptr;
  decltype(&cudnnBackendExecute) execute = nullptr;
  // The calling thread's device, negative if there is none.
  int (*current_device)() = nullptr;
  // cuDNN's own description (JSON) of a device to plan for, which the machine need not have; empty:
  // current_device().
  std::string device_text = {};
};

// SF_CUDNN_LIBRARY of the environment, else libcudnn.so.9; null if there is none or it is too old.
const Library* loaded_library();

// Lets another library stand in for the loaded one while it lives; one at a time, for tests. What
// was prepared with it must not outlive it.
class LibraryScope {
 public:
  explicit LibraryScope(const Library& library);
  ~LibraryScope();
  LibraryScope(const LibraryScope&) = delete;
  LibraryScope& operator=(const LibraryScope&) = delete;
};

// An object of the library. Throws sf::Error with its reason where it refuses something.
class Descriptor {
 public:
  Descriptor(const Library& library, cudnnBackendDescriptorType_t type);
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();

  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                  const void* values);
  Descriptor& set(cudnnBackendAttributeName_t name, int64_t value) {
    return set(name, CUDNN_TYPE_INT64, 1, &value);
  }
  Descriptor& set(cudnnBackendAttributeName_t name, std::span<const int64_t> values) {
    return set(name, CUDNN_TYPE_INT64, int64_t(values.size()), values.data());
  }
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnDataType_t value) {
    return set(name, CUDNN_TYPE_DATA_TYPE, 1, &value);
  }
  Descriptor& set(cudnnBackendAttributeName_t name, float value) {
    return set(name, CUDNN_TYPE_FLOAT, 1, &value);
  }
  Descriptor& set(cudnnBackendAttributeName_t name, bool value) {
    return set(name, CUDNN_TYPE_BOOLEAN, 1, &value);
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& value) {
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.native_);
  }
  Descriptor& finalize();

  const Library& library() const { return *library_; }
  cudnnBackendDescriptor_t native() const { return native_; }

 private:
  const Library* library_;
  cudnnBackendDescriptor_t native_ = nullptr;
};

cudnnDataType_t data_type(DType dtype);

// A tensor of a graph: axes N C T H W. Values between two operations are virtual, have no id, and
// are never in memory.
struct Tensor {
  int64_t id = 0;
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  std::array<int64_t, 5> dims{}, strides{};
  int64_t alignment = 16;  // bytes
  bool is_virtual = false;
};
Descriptor describe(const Library& library, const Tensor& tensor);

// What the library chose for a graph of operations: the first of its suggestions, best first, that
// adds in float32, gives the same bits in every run, transforms nothing (Winograd, FFT), and rounds
// float32 factors only where `tf32` allows it. Throws sf::Error if there is none.
class Plan {
 public:
  Plan(const Library& library, std::span<const Descriptor> operations, bool float32, bool tf32);

  size_t workspace_bytes() const { return workspace_bytes_; }
  cudnnBackendDescriptor_t native() const { return plan_->native(); }

 private:
  bool take(const Descriptor& device, cudnnBackendHeurMode_t mode, bool exact_factors);

  const Library& library_;
  Descriptor graph_;
  std::unique_ptr<Descriptor> config_, plan_;
  size_t workspace_bytes_ = 0;
};

// The library on one device, for the life of the process.
class Context {
 public:
  explicit Context(const Library& library) : library_(library) {}
  // That of the calling thread's current device; null where there is no library or no device.
  static Context* current();

  const Library& library() const { return library_; }
  // The plan of that name, made at its first use; null if make() throws.
  std::shared_ptr<const Plan> plan(const std::string& name,
                                   const std::function<Plan(const Library&)>& make);
  // Makes what execute() needs; throws.
  void open();
  // Queues the plan; says whether the library took it. Any thread. Neither allocates nor throws
  // itself.
  bool execute(const Plan& plan, const Descriptor& pack, void* stream) noexcept;

 private:
  const Library& library_;
  std::mutex plans_mutex_, handle_mutex_;
  std::map<std::string, std::shared_ptr<const Plan>> plans_;
  cudnnHandle_t handle_ = nullptr;
};

// A plan and the pointers of its next run, for one thread at a time, on the device that was current
// when it was made. A run with the pointers of the last one is one call of the library; others make
// it take the pointers first, which allocates a little there. What it refuses is left for
// cuda::check_launches().
class Call {
 public:
  Call(Context& context, std::shared_ptr<const Plan> plan, size_t tensors);

  size_t workspace_bytes() const {
    return cuda::unaligned_workspace_bytes(plan_->workspace_bytes());
  }
  // The pointers of tensors 1, 2, ...
  void run(std::span<const void* const> tensors, void* workspace, Queue queue) noexcept;

 private:
  Context& context_;
  std::shared_ptr<const Plan> plan_;
  std::vector<int64_t> ids_;
  std::vector<const void*> pointers_;
  void* workspace_ = nullptr;
  std::unique_ptr<Descriptor> pack_;
};

}  // namespace sf::cudnn
