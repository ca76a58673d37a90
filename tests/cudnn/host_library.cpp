#include "tests/cudnn/host_library.h"

#include <cstring>

#include "tests/cudnn/graph_interpreter.h"

namespace sf::test {
namespace {

HostLibrary* library = nullptr;
cudaStream_t current_stream = nullptr;

using Owner = std::shared_ptr<Object>;
Owner& owner_of(cudnnBackendDescriptor_t native) { return *static_cast<Owner*>(native); }

size_t size_of(cudnnBackendAttributeType_t type) {
  switch (type) {
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR: return 8;
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR: return 1;
    default: return 4;  // enumerations, int32 and float
  }
}

template <class T>
void put(Object& to, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
         const std::vector<T>& values) {
  Attribute a{.type = type, .count = int64_t(values.size()), .bytes = {}, .objects = {}};
  a.bytes.resize(values.size() * sizeof(T));
  std::memcpy(a.bytes.data(), values.data(), a.bytes.size());
  to.attributes[name] = a;
}

size_t get_version() { return CUDNN_VERSION; }
const char* get_error_string(cudnnStatus_t status) {
  return status == CUDNN_STATUS_SUCCESS ? "CUDNN_STATUS_SUCCESS" : "CUDNN_STATUS_OTHER";
}
void get_last_error_string(char* message, size_t) { *message = 0; }

cudnnStatus_t create(cudnnHandle_t* handle) {
  *handle = reinterpret_cast<cudnnHandle_t>(library);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t set_stream(cudnnHandle_t handle, cudaStream_t stream) {
  if (reinterpret_cast<HostLibrary*>(handle) != library) return CUDNN_STATUS_BAD_PARAM;
  current_stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t create_descriptor(cudnnBackendDescriptorType_t type,
                                cudnnBackendDescriptor_t* native) {
  *native = new Owner(std::make_shared<Object>(Object{.type = type, .attributes = {}}));
  ++library->objects_alive;
  if (type == CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR) ++library->packs_made;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t destroy_descriptor(cudnnBackendDescriptor_t native) {
  delete static_cast<Owner*>(native);
  --library->objects_alive;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t set_attribute(cudnnBackendDescriptor_t native, cudnnBackendAttributeName_t name,
                            cudnnBackendAttributeType_t type, int64_t count, const void* values) {
  Object& object = *owner_of(native);
  if (object.finalized) return CUDNN_STATUS_BAD_PARAM;
  Attribute a{.type = type, .count = count, .bytes = {}, .objects = {}};
  const auto* bytes = static_cast<const std::byte*>(values);
  a.bytes.assign(bytes, bytes + size_t(count) * size_of(type));
  if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR)
    for (int64_t i = 0; i < count; ++i) {
      const Owner& other = owner_of(static_cast<const cudnnBackendDescriptor_t*>(values)[i]);
      if (!other->finalized) return CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED;
      a.objects.push_back(other);
    }
  object.attributes[name] = a;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize(cudnnBackendDescriptor_t native) {
  Object& object = *owner_of(native);
  if (object.finalized) return CUDNN_STATUS_BAD_PARAM;
  if (library->defect) library->defect(object);
  if (object.type == CUDNN_BACKEND_TENSOR_DESCRIPTOR) {
    const auto dims = object.all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS);
    const auto strides = object.all<int64_t>(CUDNN_ATTR_TENSOR_STRIDES);
    if (dims.size() != 5 || strides.size() != 5) return CUDNN_STATUS_BAD_PARAM;
  }
  if (object.type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) {
    const Object& config = object.object(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
    const int64_t engine =
        config.object(CUDNN_ATTR_ENGINECFG_ENGINE).one<int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
    const Engine& chosen = library->engines.at(size_t(engine));
    if (!chosen.supported) return CUDNN_STATUS_NOT_SUPPORTED;
    put(object, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64,
        std::vector{chosen.workspace});
  }
  object.finalized = true;
  return CUDNN_STATUS_SUCCESS;
}

// Configurations of the suggested engines, each with the graph it is for.
cudnnStatus_t suggest(const Object& heuristics, int64_t most, int64_t* count, void* values) {
  const auto graph = heuristics.attributes.at(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
  *count = std::min(most, int64_t(library->engines.size()));
  for (int64_t i = 0; i < *count; ++i) {
    const auto engine = std::make_shared<Object>(
        Object{.type = CUDNN_BACKEND_ENGINE_DESCRIPTOR, .finalized = true, .attributes = {}});
    engine->attributes[CUDNN_ATTR_ENGINE_OPERATION_GRAPH] = graph;
    put(*engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, std::vector{i});
    put(*engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
        library->engines[size_t(i)].notes);
    Object& config = *owner_of(static_cast<cudnnBackendDescriptor_t*>(values)[i]);
    if (config.type != CUDNN_BACKEND_ENGINECFG_DESCRIPTOR) return CUDNN_STATUS_BAD_PARAM;
    config.attributes[CUDNN_ATTR_ENGINECFG_ENGINE] = {
        CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, {}, {engine}};
    config.finalized = true;
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t get_attribute(const cudnnBackendDescriptor_t native, cudnnBackendAttributeName_t name,
                            cudnnBackendAttributeType_t type, int64_t most, int64_t* count,
                            void* values) {
  const Object& object = *owner_of(native);
  if (!object.finalized) return CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED;
  if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS) return suggest(object, most, count, values);
  const auto found = object.attributes.find(name);
  if (found == object.attributes.end() || found->second.type != type)
    return CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE;
  const Attribute& a = found->second;
  *count = a.count;
  if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    *owner_of(*static_cast<cudnnBackendDescriptor_t*>(values)) = *a.objects.at(0);
  } else {
    std::memcpy(values, a.bytes.data(), size_t(std::min(most, a.count)) * size_of(type));
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t execute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                      cudnnBackendDescriptor_t pack) {
  if (reinterpret_cast<HostLibrary*>(handle) != library) return CUDNN_STATUS_BAD_PARAM;
  const Owner &p = owner_of(plan), &v = owner_of(pack);
  if (!p->finalized || !v->finalized) return CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED;
  if (library->execution_status != CUDNN_STATUS_SUCCESS) return library->execution_status;
  Execution e{.plan = p, .pointers = {}, .stream = current_stream};
  const auto ids = v->all<int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  const auto pointers = v->all<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  if (ids.size() != pointers.size()) return CUDNN_STATUS_BAD_PARAM;
  for (size_t i = 0; i < ids.size(); ++i) e.pointers[ids[i]] = pointers[i];
  e.workspace = v->one<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
  library->executions.push_back(e);
  return !library->runs || interpret(e) ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}

}  // namespace

const Object& Execution::graph() const {
  return plan->object(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)
      .object(CUDNN_ATTR_ENGINECFG_ENGINE)
      .object(CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
}

std::vector<std::shared_ptr<const Object>> Execution::operations() const {
  return graph().attributes.at(CUDNN_ATTR_OPERATIONGRAPH_OPS).objects;
}

HostLibrary::HostLibrary()
    : functions_{.get_version = get_version,
                 .get_error_string = get_error_string,
                 .get_last_error_string = get_last_error_string,
                 .create = create,
                 .set_stream = set_stream,
                 .create_descriptor = create_descriptor,
                 .destroy_descriptor = destroy_descriptor,
                 .set_attribute = set_attribute,
                 .get_attribute = get_attribute,
                 .finalize = finalize,
                 .execute = execute,
                 .current_device = [] { return 0; }} {
  library = this;
}

HostLibrary::~HostLibrary() { library = nullptr; }

}  // namespace sf::test
