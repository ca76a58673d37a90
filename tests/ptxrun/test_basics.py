"""Kernels with known answers, as nvcc compiles them for three architectures."""

import array
import ctypes
import itertools
import math
import random
import unittest

from support import (
    bf16_bits, f16_bits, floats, from_bf16, from_f16, kernels, largest_difference, product, zeros,
)  # fmt: skip


class Basics:
    arch = None

    def setUp(self):
        random.seed(1)
        self.kernels = kernels("basics", self.arch)

    def test_saxpy_is_exact_to_one_rounding(self):
        n = 1000
        x, y = floats(n), floats(n)
        expected = [2.5 * a + b for a, b in zip(x, y)]
        self.kernels.launch("saxpy", 4, 256, [x, y, 2.5, n])
        self.assertLessEqual(largest_difference(y, expected), 2**-23)  # |y| < 4: half an ulp

    def test_tiled_product(self):
        m, n, k = 70, 50, 37
        a, b, c = floats(m * k), floats(k * n), zeros(m * n)
        self.kernels.launch("sgemm", ((n + 15) // 16, (m + 15) // 16), (16, 16), [a, b, c, m, n, k])
        bound = k * 2**-24 * k  # k roundings of sums below k
        self.assertLessEqual(largest_difference(c, product(a, b, m, n, k)), bound)

    def test_reduction_over_blocks(self):
        x = array.array("f", (random.randrange(-8, 9) for _ in range(5000)))
        out = zeros(1)
        self.kernels.launch("reduce_sum", 3, 256, [x, out, len(x)])
        self.assertEqual(out[0], sum(x))

    def test_histogram_in_shared_memory(self):
        x = array.array("i", (random.randrange(1000) for _ in range(3000)))
        counts = zeros(64, "i")
        for threads in (1, 2):
            self.kernels.launch(
                "histogram", 3, 128, [x, counts, len(x), 64], dynamic_shared=256, threads=threads
            )
        self.assertEqual(list(counts), [2 * sum(v % 64 == b for v in x) for b in range(64)])

    def test_convolution_with_a_struct_by_value(self):
        n, c, t, h, w, k = 2, 3, 5, 9, 8, 4
        size, stride, pad = (3, 3, 2), (1, 2, 1), (1, 1, 0)
        out = [(e + 2 * p - s) // d + 1 for e, p, s, d in zip((t, h, w), pad, size, stride)]
        small = lambda count: array.array("f", (random.randrange(-4, 5) for _ in range(count)))
        x, weights = small(n * c * t * h * w), small(k * c * math.prod(size))
        y = zeros(n * k * math.prod(out))
        problem = (ctypes.c_int * 18)(n, c, t, h, w, k, *size, *stride, *pad, *out)
        self.kernels.launch(
            "conv3d", (len(y) + 127) // 128, 128, [x, weights, y, bytes(problem)]
        )
        places = itertools.product(range(n), range(k), *map(range, out))
        for found, (b, f, *at) in zip(y, places, strict=True):
            total = 0
            for ch, *tap in itertools.product(range(c), *map(range, size)):
                p = [o * d - q + s for o, d, q, s in zip(at, stride, pad, tap)]
                if all(0 <= v < e for v, e in zip(p, (t, h, w))):
                    value = x[(((b * c + ch) * t + p[0]) * h + p[1]) * w + p[2]]
                    tap_at = ((f * c + ch) * 3 + tap[0]) * 3 + tap[1]
                    total += value * weights[tap_at * 2 + tap[2]]
            self.assertEqual(found, total)

    def test_vectors_of_four(self):
        x = array.array("f", (random.randrange(-8, 9) for _ in range(400)))
        y = zeros(400)
        self.kernels.launch("scale4", 1, 128, [x, y, 2.0, 100])
        apply = [lambda v: 2 * v, lambda v: 2 * v + 1, lambda v: 2 * v - 1, lambda v: max(v, 0)]
        self.assertEqual(list(y), [apply[i % 4](v) for i, v in enumerate(x)])

    def test_mathematical_functions(self):
        x, y = floats(1000, -3, 3), zeros(1000)
        self.kernels.launch("mathematics", 4, 256, [x, y, 1000])
        expected = [
            math.exp(v) + math.sqrt(abs(v)) + 1 / (1 + v * v) + math.tanh(v)
            + math.log(abs(v) + 1) + 1 / math.sqrt(v * v + 1) + math.erf(v) + math.sin(v)
            for v in x
        ]  # fmt: skip
        # Eight terms, the largest below 21, each within a few ulp of float32.
        self.assertLessEqual(largest_difference(y, expected), 8 * 4 * 21 * 2**-24)

    def test_halves_round_as_the_formats_say(self):
        n = 500
        x = array.array("H", (f16_bits(random.uniform(-2, 2)) for _ in range(n)))
        b = array.array("H", (bf16_bits(random.uniform(-2, 2)) for _ in range(n)))
        y, z = zeros(n, "H"), zeros(n, "H")
        self.kernels.launch("halves", 2, 256, [x, b, y, z, n])
        round_ = lambda v: from_f16(f16_bits(v))
        values = [from_f16(v) for v in x]
        self.assertEqual(
            [from_f16(v) for v in y], [round_(round_(v * 2 + 1) + v) for v in values]
        )
        self.assertEqual(list(z), [bf16_bits(from_bf16(v) * 3) for v in b])

    def test_packed_halves_and_their_atomic(self):
        n = 40
        values = [random.randrange(-8, 9) / 8 for _ in range(4 * n)]
        x = array.array("H", map(bf16_bits, values[: 2 * n]))
        y = array.array("H", map(bf16_bits, values[2 * n :]))
        z, h = zeros(2 * n + 2, "H"), zeros(2 * n, "H")
        self.kernels.launch("packed_halves", 1, 64, [x, y, z, h, n])
        for i, (a, b) in enumerate(zip(values, values[2 * n :])):
            self.assertEqual(z[i], bf16_bits(a * b + a))
            self.assertEqual(from_f16(h[i]), max(2 * a, 3 * a))
        # Partial sums are multiples of 1/8 below 32: bf16 holds them.
        self.assertEqual(from_bf16(z[2 * n]), sum(values[: 2 * n : 2]))


class Basics75(Basics, unittest.TestCase):
    arch = 75

    @unittest.skip("bf16 atomics need sm_80")
    def test_packed_halves_and_their_atomic(self):
        pass


class Basics80(Basics, unittest.TestCase):
    arch = 80


class Basics90(Basics, unittest.TestCase):
    arch = 90


if __name__ == "__main__":
    unittest.main()
