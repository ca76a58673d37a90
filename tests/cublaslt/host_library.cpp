#include "tests/cublaslt/host_library.h"

#include <algorithm>
#include <cstring>

namespace sf::test {
namespace {

HostLibrary* library = nullptr;

template <class Host, class Native>
const Host& host(const Native* native) {
  return *reinterpret_cast<const Host*>(native);
}

template <class Host, class Native>
cublasStatus_t create(Native** native, const Host& value) {
  *native = reinterpret_cast<Native*>(new Host(value));
  ++library->objects_alive;
  ++library->objects_made;
  return CUBLAS_STATUS_SUCCESS;
}

template <class Host, class Native>
cublasStatus_t destroy(Native* native) {
  delete reinterpret_cast<Host*>(native);
  --library->objects_alive;
  return CUBLAS_STATUS_SUCCESS;
}

// As the library does, refuses values of another size.
template <class T>
cublasStatus_t put(T& to, const void* from, size_t bytes) {
  if (bytes != sizeof to) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&to, from, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t create_product(cublasLtMatmulDesc_t* desc, cublasComputeType_t compute,
                              cudaDataType_t scale) {
  return create(desc, HostProduct{.compute = compute, .scale = scale});
}

cublasStatus_t set_product(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t name,
                           const void* from, size_t bytes) {
  auto& p = *reinterpret_cast<HostProduct*>(desc);
  switch (name) {
    case CUBLASLT_MATMUL_DESC_TRANSA: return put(p.transpose_a, from, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB: return put(p.transpose_b, from, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return put(p.epilogue, from, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return put(p.bias, from, bytes);
    default: return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t create_layout(cublasLtMatrixLayout_t* desc, cudaDataType type, uint64_t rows,
                             uint64_t columns, int64_t ld) {
  return create(
      desc, HostLayout{.type = type, .rows = int64_t(rows), .columns = int64_t(columns), .ld = ld});
}

cublasStatus_t set_layout(cublasLtMatrixLayout_t desc, cublasLtMatrixLayoutAttribute_t name,
                          const void* from, size_t bytes) {
  auto& l = *reinterpret_cast<HostLayout*>(desc);
  switch (name) {
    case CUBLASLT_MATRIX_LAYOUT_ORDER: return put(l.order, from, bytes);
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: return put(l.batch, from, bytes);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: return put(l.stride, from, bytes);
    default: return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t set_preference(cublasLtMatmulPreference_t desc,
                              cublasLtMatmulPreferenceAttributes_t name, const void* from,
                              size_t bytes) {
  auto& p = *reinterpret_cast<HostPreference*>(desc);
  switch (name) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: return put(p.workspace, from, bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: return put(p.schemes, from, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: return put(p.alignment[0], from, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: return put(p.alignment[1], from, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: return put(p.alignment[2], from, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: return put(p.alignment[3], from, bytes);
    default: return CUBLAS_STATUS_INVALID_VALUE;
  }
}

bool allowed(const Algorithm& a, const HostPreference& p) {
  const bool scheme = a.scheme == CUBLASLT_REDUCTION_SCHEME_NONE || (a.scheme & p.schemes) != 0;
  return scheme && a.workspace <= p.workspace && a.alignment <= std::ranges::min(p.alignment);
}

cublasStatus_t get_heuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t product,
                             cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                             cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                             cublasLtMatmulPreference_t preference, int most,
                             cublasLtMatmulHeuristicResult_t* found, int* count) {
  *count = 0;
  if (reinterpret_cast<HostLibrary*>(handle) != library) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!fits(host<HostProduct>(product), host<HostLayout>(a), host<HostLayout>(b),
            host<HostLayout>(c), host<HostLayout>(d)))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  library->preference = host<HostPreference>(preference);
  for (size_t i = 0; i < library->algorithms.size() && *count < most; ++i) {
    const Algorithm& algorithm = library->algorithms[i];
    if (!allowed(algorithm, library->preference)) continue;
    auto& result = found[(*count)++];
    result = {};
    result.workspaceSize = algorithm.workspace;
    result.state = algorithm.state;
    result.algo.data[0] = i;
  }
  return *count > 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

bool is_aligned(const void* data, size_t bytes) {
  return reinterpret_cast<uintptr_t>(data) % bytes == 0;
}

bool memory_fits(const Multiplication& m) {
  const Algorithm& algorithm = library->algorithms.at(m.algorithm);
  const auto& alignment = library->preference.alignment;
  return is_aligned(m.at_a, alignment[0]) && is_aligned(m.at_b, alignment[1]) &&
         is_aligned(m.at_c, alignment[2]) && is_aligned(m.at_d, alignment[3]) &&
         m.workspace_bytes >= algorithm.workspace &&
         (algorithm.workspace == 0 || (m.workspace && is_aligned(m.workspace, 256)));
}

cublasStatus_t run(cublasLtHandle_t handle, cublasLtMatmulDesc_t product, const void* alpha,
                   const void* at_a, cublasLtMatrixLayout_t a, const void* at_b,
                   cublasLtMatrixLayout_t b, const void* beta, const void* at_c,
                   cublasLtMatrixLayout_t c, void* at_d, cublasLtMatrixLayout_t d,
                   const cublasLtMatmulAlgo_t* algorithm, void* workspace, size_t workspace_bytes,
                   cudaStream_t stream) {
  if (reinterpret_cast<HostLibrary*>(handle) != library) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (library->status != CUBLAS_STATUS_SUCCESS) return library->status;
  Multiplication m{.product = host<HostProduct>(product),
                   .a = host<HostLayout>(a),
                   .b = host<HostLayout>(b),
                   .c = host<HostLayout>(c),
                   .d = host<HostLayout>(d),
                   .alpha = *static_cast<const float*>(alpha),
                   .beta = *static_cast<const float*>(beta),
                   .at_a = at_a,
                   .at_b = at_b,
                   .at_c = at_c,
                   .at_d = at_d,
                   .algorithm = size_t(algorithm->data[0]),
                   .workspace = workspace,
                   .workspace_bytes = workspace_bytes,
                   .stream = stream};
  if (library->defect) library->defect(m);
  library->multiplications.push_back(m);
  if (!fits(m.product, m.a, m.b, m.c, m.d) || !memory_fits(m)) return CUBLAS_STATUS_INVALID_VALUE;
  multiply(m);
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

HostLibrary::HostLibrary()
    : functions_{
          .get_version = [] { return size_t{CUBLAS_VERSION}; },
          .get_status_string =
              [](cublasStatus_t status) {
                return status == CUBLAS_STATUS_SUCCESS ? "fine" : "refused";
              },
          .create =
              [](cublasLtHandle_t* handle) {
                *handle = reinterpret_cast<cublasLtHandle_t>(library);
                return CUBLAS_STATUS_SUCCESS;
              },
          .create_product = create_product,
          .destroy_product = destroy<HostProduct>,
          .set_product = set_product,
          .create_layout = create_layout,
          .destroy_layout = destroy<HostLayout>,
          .set_layout = set_layout,
          .create_preference =
              [](cublasLtMatmulPreference_t* desc) { return create(desc, HostPreference{}); },
          .destroy_preference = destroy<HostPreference>,
          .set_preference = set_preference,
          .get_heuristic = get_heuristic,
          .multiply = run,
          .current_device = [] { return 0; }} {
  library = this;
}

HostLibrary::~HostLibrary() { library = nullptr; }

}  // namespace sf::test
