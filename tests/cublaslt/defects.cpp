// Defects of the rows, planted in what they ask for, give wrong results.
#include "tests/cublaslt/rows.h"

namespace sf {
namespace {

using namespace sf::test;

struct Defect {
  const char* name;
  void (*plant)(Multiplication&);
};

template <class D, class R>
bool differs(D& found, D& wanted, const R& result) {
  for (int64_t i = 0; i < result(found).rows(); ++i)
    for (int64_t c = 0; c < result(found).channels(); ++c)
      if (result(found).at(i, c) != result(wanted).at(i, c)) return true;
  return false;
}

// Whether results differ from the reference, which the host's library repeats operation by
// operation, on numbers whose mantissas are longer than those of rounded factors.
template <class Problem>
bool is_found(const Problem& p, const Defect& defect) {
  using O = Op<Problem>;
  HostLibrary host;
  host.defect = defect.plant;
  const cublaslt::LibraryScope scope(host.functions());
  typename O::template Data<float> wanted(p), found(p);
  const auto numbers = [](const char* key) {
    return [value = integers(key, 9)](int64_t i) { return value(i) * (1 + 0x1p-12); };
  };
  wanted.fill(numbers).run(reference_of(O::kTable));
  found.fill(numbers).run(cublaslt_row(O::kTable));
  try {
    cuda::check_launches("defect");  // nothing that was refused is left for another test
  } catch (const Error&) {}
  return differs(found, wanted, [](auto& data) -> auto& { return O::result(data); });
}

constexpr Defect kLayouts[] = {
    {"leading_dimension_of_a", [](Multiplication& m) { m.a.ld = m.a.rows; }},
    {"leading_dimension_of_b", [](Multiplication& m) { m.b.ld = m.b.rows; }},
    {"leading_dimension_of_d", [](Multiplication& m) { m.c.ld = m.d.ld = m.d.rows; }},
    {"transpose_of_a", [](Multiplication& m) { m.product.transpose_a ^= CUBLAS_OP_T; }},
    {"transpose_of_b", [](Multiplication& m) { m.product.transpose_b ^= CUBLAS_OP_T; }},
    {"rows_for_columns", [](Multiplication& m) { m.a.order = CUBLASLT_ORDER_ROW; }},
    {"factors_mixed_up", [](Multiplication& m) { std::swap(m.at_a, m.at_b); }},
    {"tf32", [](Multiplication& m) { m.product.compute = CUBLAS_COMPUTE_32F_FAST_TF32; }},
    {"half_factors", [](Multiplication& m) { m.product.compute = CUBLAS_COMPUTE_32F_FAST_16BF; }},
    {"half_sums", [](Multiplication& m) { m.product.compute = CUBLAS_COMPUTE_16F; }},
    {"scale_type", [](Multiplication& m) { m.product.scale = CUDA_R_16F; }},
    {"added_to_what_was_there", [](Multiplication& m) { m.beta = 1; }},
};
constexpr Defect kEpilogues[] = {
    {"no_bias", [](Multiplication& m) { m.product.epilogue = CUBLASLT_EPILOGUE_RELU; }},
    {"no_relu", [](Multiplication& m) { m.product.epilogue = CUBLASLT_EPILOGUE_BIAS; }},
    {"another_bias", [](Multiplication& m) { m.product.bias = m.at_b; }},
};
constexpr Defect kBatches[] = {
    {"no_scale", [](Multiplication& m) { m.alpha = 1; }},
    {"one_of_the_batch",
     [](Multiplication& m) { m.a.batch = m.b.batch = m.c.batch = m.d.batch = 1; }},
    {"batch_stride_of_a", [](Multiplication& m) { m.a.stride = 0; }},
    {"batch_stride_of_b", [](Multiplication& m) { m.b.stride = 0; }},
    {"batch_stride_of_d", [](Multiplication& m) { m.c.stride = --m.d.stride; }},
};

// All matrices square, so that their shapes give nothing away, and with gaps between rows.
constexpr LinearProblem kLayer{.rows = 16,
                               .in = 16,
                               .out = 16,
                               .bias = true,
                               .activation = Activation::relu,
                               .x_pitch = 19,
                               .y_pitch = 22};
MatmulProblem batched(bool transpose_a, bool transpose_b) {
  return {.batch = 3,
          .m = 8,
          .n = 8,
          .k = 8,
          .transpose_a = transpose_a,
          .transpose_b = transpose_b,
          .alpha = 0.5,
          .lda = 11,
          .ldb = 11,
          .ldc = 11,
          .a_stride = 88,
          .b_stride = 88,
          .c_stride = 88};
}

TEST(CublasLtDefects, NothingIsFoundWhereNothingIsPlanted) {
  const Defect none{"none", [](Multiplication&) {}};
  EXPECT_FALSE(is_found(kLayer, none));
  for (const bool ta : {false, true})
    for (const bool tb : {false, true}) EXPECT_FALSE(is_found(batched(ta, tb), none));
}

TEST(CublasLtDefects, OfALayerAreFound) {
  for (const Defect& d : kLayouts)
    // The weights lie dense.
    if (d.name != std::string_view("leading_dimension_of_a")) {
      EXPECT_TRUE(is_found(kLayer, d)) << d.name;
    }
  for (const Defect& d : kEpilogues) EXPECT_TRUE(is_found(kLayer, d)) << d.name;
}

TEST(CublasLtDefects, OfAProductAreFound) {
  for (const bool ta : {false, true})
    for (const bool tb : {false, true}) {
      for (const Defect& d : kLayouts) EXPECT_TRUE(is_found(batched(ta, tb), d)) << d.name;
      for (const Defect& d : kBatches) EXPECT_TRUE(is_found(batched(ta, tb), d)) << d.name;
    }
}

}  // namespace
}  // namespace sf
