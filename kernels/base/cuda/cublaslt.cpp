#include "kernels/base/cuda/cublaslt.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "kernels/base/cuda/libraries.h"
#include "kernels/base/cuda/library_contexts.h"
#include "kernels/base/cuda/loaded_library.h"
#include "kernels/base/cuda/runtime.h"
#include "kernels/base/error.h"
#include "kernels/base/shared_library.h"

namespace sf::cublaslt {
namespace {

#define SF_TEXT_OF(number) #number
#define SF_SONAME(major) "libcublasLt.so." SF_TEXT_OF(major)

// What NVIDIA recommends for its newest GPUs.
constexpr uint64_t kMostWorkspace = 32 << 20;
// Of the library's suggestions that are looked at.
constexpr int kMostSuggestions = 16;

void find_functions(Library& l) {
  const SharedLibrary file("SF_CUBLASLT_LIBRARY", SF_SONAME(CUBLAS_VER_MAJOR));
  l.get_version = file.symbol("cublasLtGetVersion");
  l.get_status_string = file.symbol("cublasLtGetStatusString");
  l.create = file.symbol("cublasLtCreate");
  l.create_product = file.symbol("cublasLtMatmulDescCreate");
  l.destroy_product = file.symbol("cublasLtMatmulDescDestroy");
  l.set_product = file.symbol("cublasLtMatmulDescSetAttribute");
  l.create_layout = file.symbol("cublasLtMatrixLayoutCreate");
  l.destroy_layout = file.symbol("cublasLtMatrixLayoutDestroy");
  l.set_layout = file.symbol("cublasLtMatrixLayoutSetAttribute");
  l.create_preference = file.symbol("cublasLtMatmulPreferenceCreate");
  l.destroy_preference = file.symbol("cublasLtMatmulPreferenceDestroy");
  l.set_preference = file.symbol("cublasLtMatmulPreferenceSetAttribute");
  l.get_heuristic = file.symbol("cublasLtMatmulAlgoGetHeuristic");
  l.multiply = file.symbol("cublasLtMatmul");
}

const cuda::LoadedLibrary<Library>& loaded() {
  static const auto once = cuda::load_library<Library>(
      find_functions, [](size_t version) { return version / 10000 == CUBLAS_VER_MAJOR; },
      SF_SONAME(CUBLAS_VER_MAJOR));
  return once;
}

LibraryContexts<Library, Context>& contexts() {
  static auto* all = new LibraryContexts<Library, Context>(loaded_library);
  return *all;
}

void check(const Library& library, cublasStatus_t status) {
  SF_CHECK(status == CUBLAS_STATUS_SUCCESS, "cublaslt: ", library.get_status_string(status));
}

// An attribute has the size of its type: what is passed is of that type.
template <class Object, class Name, class T>
void set(const Library& library, cublasStatus_t (*set)(Object*, Name, const void*, size_t),
         Object* object, Name name, const T& value) {
  check(library, set(object, name, &value, sizeof value));
}

cudaDataType_t data_type(DType dtype) {
  if (dtype == DType::bf16) return CUDA_R_16BF;
  return dtype == DType::f16 ? CUDA_R_16F : CUDA_R_32F;
}

uint32_t epilogue(const Product& p) {
  if (p.bias) return p.relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
  return p.relu ? CUBLASLT_EPILOGUE_RELU : CUBLASLT_EPILOGUE_DEFAULT;
}

cublasLtMatmulDesc_t described(const Library& library, const Product& p) {
  cublasLtMatmulDesc_t desc = nullptr;
  const auto compute = p.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  check(library, library.create_product(&desc, compute, CUDA_R_32F));
  return desc;
}

}  // namespace

const Library* loaded_library() { return loaded().works ? &loaded().library : nullptr; }

LibraryScope::LibraryScope(const Library& library) { contexts().stand_in(&library); }
LibraryScope::~LibraryScope() { contexts().stand_in(nullptr); }

Context::Context(const Library& library) : library_(library) {
  check(library, library.create(&handle_));
}

Context* Context::current() { return contexts().current(); }

bool is_aligned(const void* data) { return reinterpret_cast<uintptr_t>(data) % kAlignment == 0; }

Call::Call(const Context& context, const Product& p)
    : context_(context),
      alpha_(p.alpha),
      bias_(p.bias),
      product_(described(context.library(), p), context.library().destroy_product),
      a_(layout(p, p.a)),
      b_(layout(p, p.b)),
      d_(layout(p, p.d)) {
  const Library& library = context.library();
  const auto tell = [&](cublasLtMatmulDescAttributes_t name, auto value) {
    set(library, library.set_product, product_.get(), name, value);
  };
  const auto operation = [](const Matrix& m) {
    return int32_t(m.transpose ? CUBLAS_OP_T : CUBLAS_OP_N);
  };
  tell(CUBLASLT_MATMUL_DESC_TRANSA, operation(p.a));
  tell(CUBLASLT_MATMUL_DESC_TRANSB, operation(p.b));
  tell(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue(p));
  // The choice depends on the alignment of the pointer, which is not followed.
  if (p.bias)
    tell(CUBLASLT_MATMUL_DESC_BIAS_POINTER, reinterpret_cast<const void*>(uintptr_t{kAlignment}));
  choose();
}

Call::Layout Call::layout(const Product& p, const Matrix& m) const {
  const Library& library = context_.library();
  SF_CHECK(p.batch <= std::numeric_limits<int32_t>::max(), "cublaslt: a batch of ", p.batch);
  cublasLtMatrixLayout_t desc = nullptr;
  check(library, library.create_layout(&desc, data_type(p.dtype), uint64_t(m.rows),
                                       uint64_t(m.columns), m.ld));
  Layout layout(desc, library.destroy_layout);
  const auto tell = [&](cublasLtMatrixLayoutAttribute_t name, auto value) {
    set(library, library.set_layout, layout.get(), name, value);
  };
  tell(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, int32_t(p.batch));
  tell(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, m.stride);
  return layout;
}

void Call::choose() {
  const Library& library = context_.library();
  cublasLtMatmulPreference_t desc = nullptr;
  check(library, library.create_preference(&desc));
  const Owned<cublasLtMatmulPreferenceOpaque_t> preference(desc, library.destroy_preference);
  const auto tell = [&](cublasLtMatmulPreferenceAttributes_t name, auto value) {
    set(library, library.set_preference, preference.get(), name, value);
  };
  tell(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspace);
  // Parts of the reduction are float32 in the workspace and added in one order. In place they would
  // be rounded to the type of D.
  tell(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
       uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  for (const auto name :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    tell(name, kAlignment);
  std::array<cublasLtMatmulHeuristicResult_t, kMostSuggestions> found{};
  int count = 0;
  check(library,
        library.get_heuristic(context_.handle(), product_.get(), a_.get(), b_.get(), d_.get(),
                              d_.get(), preference.get(), kMostSuggestions, found.data(), &count));
  const auto end = found.begin() + std::clamp(count, 0, kMostSuggestions);
  const auto first = std::find_if(found.begin(), end, [](const auto& suggestion) {
    return suggestion.state == CUBLAS_STATUS_SUCCESS && suggestion.workspaceSize <= kMostWorkspace;
  });
  SF_CHECK(first != end, "cublaslt: no algorithm for this product");
  algorithm_ = first->algo;
  workspace_bytes_ = first->workspaceSize;
}

void Call::run(const void* a, const void* b, const void* bias, void* d, void* workspace,
               Queue queue) noexcept {
  const Library& library = context_.library();
  const float beta = 0;
  auto status = CUBLAS_STATUS_SUCCESS;
  if (bias_)
    status = library.set_product(product_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias,
                                 sizeof(const void*));
  if (status == CUBLAS_STATUS_SUCCESS)
    status = library.multiply(context_.handle(), product_.get(), &alpha_, a, a_.get(), b, b_.get(),
                              &beta, d, d_.get(), d, d_.get(), &algorithm_,
                              cuda::aligned_workspace(workspace), workspace_bytes_,
                              static_cast<cudaStream_t>(queue.native));
  if (status != CUBLAS_STATUS_SUCCESS)
    cuda::leave_error("cublaslt", library.get_status_string(status));
}

bool takes(const Product& product) {
  try {
    const Context* context = Context::current();
    return context && (Call(*context, product), true);
  } catch (const Error&) { return false; }
}

std::shared_ptr<void> prepared_call(const Product& product) {
  const Context* context = Context::current();
  SF_CHECK(context, "cublaslt: wanted a device, found none");
  return std::make_shared<Call>(*context, product);
}

}  // namespace sf::cublaslt

namespace sf {

std::string describe_cublaslt() { return cublaslt::loaded().found; }

}  // namespace sf
