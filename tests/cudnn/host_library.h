// Stands in for cuDNN: the same functions, on the host. It is stricter than cuDNN where it can be,
// keeps what it was told, and runs graphs of convolutions and sums one value at a time.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/base/cuda/cudnn.h"

namespace sf::test {

struct Object;

// What one attribute was set to.
struct Attribute {
  cudnnBackendAttributeType_t type = CUDNN_TYPE_INT64;
  int64_t count = 0;
  std::vector<std::byte> bytes;
  std::vector<std::shared_ptr<const Object>> objects;  // CUDNN_TYPE_BACKEND_DESCRIPTOR
};

struct Object {
  cudnnBackendDescriptorType_t type;
  bool finalized = false;
  std::map<cudnnBackendAttributeName_t, Attribute> attributes;

  bool has(cudnnBackendAttributeName_t name) const { return attributes.contains(name); }
  // All values of an attribute that was set, else none.
  template <class T>
  std::vector<T> all(cudnnBackendAttributeName_t name) const {
    const auto found = attributes.find(name);
    if (found == attributes.end()) return {};
    std::vector<T> values(size_t(found->second.count));
    std::memcpy(values.data(), found->second.bytes.data(), found->second.bytes.size());
    return values;
  }
  template <class T>
  T one(cudnnBackendAttributeName_t name) const {
    T value;
    std::memcpy(&value, attributes.at(name).bytes.data(), sizeof value);
    return value;
  }
  const Object& object(cudnnBackendAttributeName_t name, size_t i = 0) const {
    return *attributes.at(name).objects.at(i);
  }
};

// One run.
struct Execution {
  std::shared_ptr<const Object> plan;
  std::map<int64_t, void*> pointers;  // by the tensors' ids
  void* workspace = nullptr;
  cudaStream_t stream = nullptr;

  const Object& graph() const;
  std::vector<std::shared_ptr<const Object>> operations() const;
};

// An engine as the heuristics suggest it.
struct Engine {
  std::vector<cudnnBackendNumericalNote_t> notes;
  int64_t workspace = 0;
  bool supported = true;  // whether a plan of it can be finalized
};

// One at a time.
class HostLibrary {
 public:
  HostLibrary();
  ~HostLibrary();
  HostLibrary(const HostLibrary&) = delete;
  HostLibrary& operator=(const HostLibrary&) = delete;

  const cudnn::Library& functions() const { return functions_; }

  std::vector<Engine> engines{{}};  // suggested, best first
  bool runs = true;                 // off: executions are kept and compute nothing
  // Status of the next executions.
  cudnnStatus_t execution_status = CUDNN_STATUS_SUCCESS;
  // A defect of the caller, planted: changes the attributes of an object when it is finalized.
  void (*defect)(Object&) = nullptr;

  std::vector<Execution> executions;
  int objects_alive = 0, packs_made = 0;

 private:
  cudnn::Library functions_;
};

}  // namespace sf::test
