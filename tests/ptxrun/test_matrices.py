"""Tensor-core instructions against plain products: exact on integers."""

import array
import random
import unittest

from support import (
    bf16_bits, f16_bits, f32, from_f16, kernels, product, transposed, zeros,
)  # fmt: skip


def integers(count, limit=4):
    return [random.randrange(-limit, limit + 1) for _ in range(count)]


class Matrices(unittest.TestCase):
    def setUp(self):
        random.seed(2)
        self.kernels = kernels("matrices")

    def check(self, kernel, m, n, k, encode, result=None, added=0, b_transposed=False):
        a, b = integers(m * k), integers(n * k)
        c = result or zeros(m * n)
        self.kernels.launch(kernel, 1, 32, [encode(a), encode(b), c])
        b = transposed(b, n, k) if b_transposed else b
        self.assertEqual(list(c), [x + added for x in product(a, b, m, n, k)])

    def test_mma_bf16_k8(self):
        self.check("mma_bf16_k8", 16, 8, 8, bf16, added=1)

    def test_mma_tf32_k4(self):
        self.check("mma_tf32_k4", 16, 8, 4, f32_array, added=1)

    def test_mma_tf32_k8(self):
        self.check("mma_tf32_k8", 16, 8, 8, f32_array)

    def test_mma_s8_k32(self):
        encode = lambda values: array.array("b", values)
        self.check("mma_s8_k32", 16, 8, 32, encode, result=zeros(128, "i"), added=1)

    def test_mma_f16_accumulates_in_f16(self):
        a, b, c = integers(256), integers(128), zeros(128, "H")
        encode = lambda values: array.array("H", map(f16_bits, values))
        self.kernels.launch("mma_f16", 1, 32, [encode(a), encode(b), c])
        self.assertEqual([from_f16(x) for x in c], product(a, b, 16, 8, 16))

    def test_wmma_bf16(self):
        self.check("wmma_bf16", 16, 16, 16, bf16, b_transposed=True)

    def test_wmma_tf32(self):
        self.check("wmma_tf32", 16, 16, 8, f32_array)

    def test_tf32_drops_low_bits(self):
        a, b, c = zeros(64), zeros(32), zeros(128)
        a[0], b[0] = f32(1 + 2**-10 + 2**-20), 1.0
        self.kernels.launch("mma_tf32_k4", 1, 32, [a, b, c])
        self.assertEqual(c[0], 2 + 2**-10)

    def test_pipelined_gemm_in_every_order(self):
        m, n, k = 100, 72, 96
        a, b = integers(m * k), integers(n * k)
        expected = product(a, transposed(b, n, k), m, n, k)
        for order in (0, 1, 7):
            c = zeros(m * n)
            grid = ((n + 63) // 64, (m + 63) // 64)
            self.kernels.launch(
                "gemm_bf16", grid, 128, [bf16(a), bf16(b), c, m, n, k], order=order
            )
            self.assertEqual(list(c), expected)


def bf16(values):
    return array.array("H", map(bf16_bits, values))


def f32_array(values):
    return array.array("f", values)


if __name__ == "__main__":
    unittest.main()
