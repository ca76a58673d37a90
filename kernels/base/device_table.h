// Declares the rows that an op's .cu files define, once for each backend that compiles them.
#pragma once

#include <span>

// simt::name() and cuda::name(), each giving std::span<const Row>; cuda has none in a build without
// CUDA. Inside namespace sf.
#if defined(SF_WITH_CUDA)
#define SF_DEVICE_TABLE(Row, name) \
  namespace simt {                 \
  std::span<const Row> name();     \
  }                                \
  namespace cuda {                 \
  std::span<const Row> name();     \
  }
#else
#define SF_DEVICE_TABLE(Row, name)                  \
  namespace simt {                                  \
  std::span<const Row> name();                      \
  }                                                 \
  namespace cuda {                                  \
  inline std::span<const Row> name() { return {}; } \
  }
#endif
