// cuBLASLt as kernels use it: loaded at first use, asked for an algorithm when a product is
// prepared, run with pointers alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <cublasLt.h>

#include "kernels/base/cuda/library_workspace.h"
#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf::cublaslt {

// The functions that are called, and where they run.
struct Library {
  decltype(&cublasLtGetVersion) get_version = nullptr;
  decltype(&cublasLtGetStatusString) get_status_string = nullptr;
  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtMatmulDescCreate) create_product = nullptr;
  decltype(&cublasLtMatmulDescDestroy) destroy_product = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) set_product = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) create_layout = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) destroy_layout = nullptr;
  decltype(&cublasLtMatrixLayoutSetAttribute) set_layout = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) create_preference = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) destroy_preference = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) set_preference = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) get_heuristic = nullptr;
  decltype(&cublasLtMatmul) multiply = nullptr;
  // The calling thread's device, negative if there is none.
  int (*current_device)() = nullptr;
};

// SF_CUBLASLT_LIBRARY of the environment, else libcublasLt.so of the headers' major version; null
// if there is none or it is of another major version.
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

// The library on one device, for the life of the process.
class Context {
 public:
  explicit Context(const Library& library);
  // That of the calling thread's current device; null where there is no library or no device.
  static Context* current();

  const Library& library() const { return library_; }
  cublasLtHandle_t handle() const { return handle_; }

 private:
  const Library& library_;
  cublasLtHandle_t handle_ = nullptr;
};

// A matrix as it lies in memory, its columns dense: a row-major one is told as its transpose.
// Leading dimension and batch stride count elements.
struct Matrix {
  int64_t rows = 1, columns = 1, ld = 1, stride = 0;
  bool transpose = false;  // as a factor
};

// D[b] = activation(alpha op(A[b]) op(B[b]) + bias), added in float32. The library adds a bias
// along the columns of D, of the type of D.
struct Product {
  DType dtype = DType::f32;  // of A, B, D and the bias: f32, bf16 or f16
  bool tf32 = false;         // float32 factors may be rounded
  int64_t batch = 1;
  float alpha = 1;
  bool bias = false, relu = false;
  Matrix a, b, d;
};

// Of A, B, D and the bias, in bytes.
constexpr uint32_t kAlignment = 16;
bool is_aligned(const void* data);

// A product on the device that was current when it was made, with what the library chose for it:
// the first of its suggestions, best first, that keeps partial sums in float32 and adds them in the
// same order in every run. One thread at a time.
class Call {
 public:
  // Throws sf::Error where the library refuses the product.
  Call(const Context& context, const Product& product);

  size_t workspace_bytes() const { return cuda::unaligned_workspace_bytes(workspace_bytes_); }
  // What the library refuses is left for cuda::check_launches().
  void run(const void* a, const void* b, const void* bias, void* d, void* workspace,
           Queue queue) noexcept;

 private:
  template <class T>
  using Owned = std::unique_ptr<T, cublasStatus_t (*)(T*)>;
  using Layout = Owned<cublasLtMatrixLayoutOpaque_t>;

  Layout layout(const Product& product, const Matrix& matrix) const;
  void choose();

  const Context& context_;
  float alpha_;
  bool bias_;
  Owned<cublasLtMatmulDescOpaque_t> product_;
  Layout a_, b_, d_;
  cublasLtMatmulAlgo_t algorithm_{};
  size_t workspace_bytes_ = 0;
};

// Whether there is a device and the library takes the product there.
bool takes(const Product& product);
// A Call on the current device, as the state that a kernel keeps; throws.
std::shared_ptr<void> prepared_call(const Product& product);
inline Call& call_of(void* prepared) { return *static_cast<Call*>(prepared); }
template <class Problem>
size_t workspace_bytes(const Problem&, void* prepared) {
  return call_of(prepared).workspace_bytes();
}

}  // namespace sf::cublaslt
