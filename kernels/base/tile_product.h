// A tile of a product of two matrices with any strides, summed in float32 by one block: the plain
// kernel under whatever multiplies matrices. Part of what kernels may use.
#pragma once

#include "kernels/base/device.h"

namespace sf::SF_DEVICE_NS {

// Element (i, j) is data[i * row_step + j * column_step].
template <class T>
struct Matrix {
  const T* data;
  int rows, columns;
  int64_t row_step, column_step;

  SF_DEVICE float at(int row, int column) const {
    const bool inside = row < rows && column < columns;
    return inside ? float(data[row * row_step + column * column_step]) : 0.0F;
  }
};

// 256 threads; thread t sums the 4 x 4 values from row 4 (t / 16) and column 4 (t % 16) on.
struct ProductTile {
  static constexpr int kSide = 64, kDepth = 16, kThreads = 256, kOwn = 4;
  // A row more than the side keeps the transposing stores below in different banks, and vectors of
  // four aligned.
  static constexpr int kPitch = kSide + 4;

  float a[kDepth][kPitch];  // a[k][row]
  float b[kDepth][kPitch];  // b[k][column]

  // Copies kDepth columns of `from`, beginning with `k`, of the rows from `first` on.
  template <class T>
  static SF_DEVICE void stage(const Matrix<T>& from, int first, int k,
                              float (&to)[kDepth][kPitch]) {
    const int t = int(threadIdx.x);
#pragma unroll
    for (int i = 0; i < kSide * kDepth / kThreads; ++i) {
      // Neighbours in the block read neighbours in memory, whichever axis is dense.
      const int at = t + i * kThreads;
      const bool along_k = from.column_step == 1;
      const int depth = along_k ? at % kDepth : at / kSide,
                row = along_k ? at / kDepth : at % kSide;
      to[depth][row] = from.at(first + row, k + depth);
    }
  }

  // sum[i][j] += the dot product of row `first_row` + own row i of a and that row of b: a b^T. The
  // terms are added in the order of k.
  template <class A, class B>
  SF_DEVICE void multiply(const Matrix<A>& left, const Matrix<B>& right, int first_row,
                          int first_column, float (&sum)[kOwn][kOwn]) {
    const int row = int(threadIdx.x) / (kSide / kOwn) * kOwn,
              column = int(threadIdx.x) % (kSide / kOwn) * kOwn;
    for (int k = 0; k < left.columns; k += kDepth) {
      stage(left, first_row, k, a);
      stage(right, first_column, k, b);
      __syncthreads();
#pragma unroll
      for (int depth = 0; depth < kDepth; ++depth) {
        const auto x = load<kOwn>(&a[depth][row]), y = load<kOwn>(&b[depth][column]);
#pragma unroll
        for (int i = 0; i < kOwn; ++i)
#pragma unroll
          for (int j = 0; j < kOwn; ++j) sum[i][j] += x[i] * y[j];
      }
      __syncthreads();
    }
  }

  // Calls f(row, column, value) for the values that the thread owns and the matrix has.
  template <class F>
  static SF_DEVICE void for_own(const float (&sum)[kOwn][kOwn], int first_row, int first_column,
                                int rows, int columns, const F& f) {
    const int row = first_row + int(threadIdx.x) / (kSide / kOwn) * kOwn,
              column = first_column + int(threadIdx.x) % (kSide / kOwn) * kOwn;
#pragma unroll
    for (int i = 0; i < kOwn; ++i)
#pragma unroll
      for (int j = 0; j < kOwn; ++j)
        if (row + i < rows && column + j < columns) f(row + i, column + j, sum[i][j]);
  }
};

}  // namespace sf::SF_DEVICE_NS
