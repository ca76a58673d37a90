"""Control flow, calls, warp and bit functions against Python's own."""

import array
import ctypes
import math
import random
import unittest

from support import f32, kernels, largest_difference, zeros

LANES = range(32)
U32, U64 = 2**32, 2**64


def signed(x):
    x %= U32
    return x - U32 if x >= 2**31 else x


def rows(values):
    return [list(values[i : i + 32]) for i in range(0, len(values), 32)]


class Control(unittest.TestCase):
    def setUp(self):
        random.seed(3)
        self.kernels = kernels("control")

    def test_everything_is_translated(self):
        self.assertEqual(self.kernels.not_translated, [])

    def test_calls_and_local_arrays(self):
        def grow(x, n):
            for i in range(n):
                if x > 100:
                    return x - 100
                x = x * 1.5 + i
            return x

        n = 50
        x, y = array.array("f", (i * 1.25 for i in range(64))), zeros(64)
        self.kernels.launch("calls", 1, 64, [x, y, n])
        for i in range(n):
            chosen = {(k * i) & 3: x[i] + k for k in range(4)}.get(i & 3)
            if chosen is None:  # the kernel reads what it has not written
                continue
            other = x[i ^ 1] if i ^ 1 < n else 0
            expected = grow(chosen, i) + other + grow(x[i], 3)
            self.assertAlmostEqual(y[i], expected, delta=2**-20 * max(1, abs(expected)))

    def test_branch_table(self):
        x = array.array("i", (i % 9 for i in range(65)))
        y = zeros(64, "i")
        self.kernels.launch("branches", 1, 64, [x, y])
        for i in range(64):
            answers = {
                0: 5, 1: x[i + 1] * 3, 2: i ^ 7, 3: sum(x[:i]), 4: -1, 5: i * i, 6: 1000 // (i + 1),
            }  # fmt: skip
            self.assertEqual(y[i], answers.get(x[i], 99))

    def test_warp_functions(self):
        x = array.array("i", (random.randrange(1, 1000) for _ in LANES))
        y = zeros(8 * 32, "i")
        self.kernels.launch("warp_functions", 1, 32, [x, y])
        same = lambda i: signed(sum(1 << k for k in LANES if x[k] % 3 == x[i] % 3))
        self.assertEqual(rows(y), [
            [sum(x)] * 32,
            [max(x)] * 32,
            [same(i) for i in LANES],
            [signed(sum(1 << k for k in LANES if k & 2))] * 32,
            [1] * 32,
            [i - 3 if i % 16 >= 3 else i for i in LANES],
            [i // 8 * 8 + 5 for i in LANES],
            [i ^ 2 if i % 2 else 0 for i in LANES],
        ])  # fmt: skip

    def test_bit_functions(self):
        x = array.array("i", (random.randrange(1, 2**31) for _ in LANES))
        y = zeros(8 * 32, "i")
        self.kernels.launch("bit_functions", 1, 32, [x, y])
        bytes_of = lambda v: [v >> 8 * k & 255 for k in range(4)]
        add_bytes = lambda a, b: sum(
            (p + q & 255) << 8 * k for k, (p, q) in enumerate(zip(bytes_of(a), bytes_of(b)))
        )

        def high_product(v):
            wide = v * 0x9E3779B97F4A7C15 % U64
            return wide * ((wide + 3) % U64) >> 64

        self.assertEqual(rows(y), [
            [signed((i << 32 | x[i]) << 5 >> 32) for i in LANES],
            [signed(x[i] >> 8 | (i & 255) << 24) for i in LANES],
            [signed(add_bytes(x[i], i)) for i in LANES],
            [bin(v).count("1") for v in x],
            [32 - v.bit_length() for v in x],
            [(v & -v).bit_length() for v in x],
            [signed(int(f"{v:032b}"[::-1], 2)) for v in x],
            [signed(high_product(v)) for v in x],
        ])  # fmt: skip

    def test_reducing_barriers(self):
        y = zeros(3 * 64, "i")
        self.kernels.launch("block_functions", 1, 64, [y])
        self.assertEqual(list(y[0::3]), [32] * 64)
        self.assertTrue(all(y[1::3]))
        self.assertFalse(any(y[2::3]))

    def test_shared_atomics(self):
        x = array.array("i", (random.randrange(1, 1000) for _ in LANES))
        y = zeros(32, "i")
        self.kernels.launch("shared_atomics", 1, 32, [x, y])
        self.assertEqual(list(y[:8]), [max(x[4 * k : 4 * k + 4]) for k in range(8)])
        self.assertEqual(y[31], 1)  # lane 0 came first
        self.assertEqual(y[29], 32 % 5)

    def test_extended_precision(self):
        values = [random.randrange(2**128) for _ in range(64)] + [0, 1, 2**64 - 1, 2**64] * 8
        a, b = values[:32], values[32:64]
        split = lambda list_: array.array("Q", (w for v in list_ for w in (v % U64, v >> 64)))
        y = zeros(32 * 4, "Q")
        self.kernels.launch("extended", 1, 32, [split(a), split(b), y])
        for i in LANES:
            sum_, difference = y[4 * i] | y[4 * i + 1] << 64, y[4 * i + 2] | y[4 * i + 3] << 64
            self.assertEqual(sum_, (a[i] + b[i]) % 2**128)
            self.assertEqual(difference, (a[i] - b[i]) % 2**128)

    def test_float_functions(self):
        x = array.array("f", (random.randrange(-100, 100) / 8 for _ in LANES))
        y = zeros(10 * 32)
        self.kernels.launch("float_functions", 1, 32, [x, y])
        found = rows(y)
        exact = [
            [math.ceil(f32(v * f32(0.3))) for v in x],
            [math.trunc(f32(v * f32(0.7))) for v in x],
            [round(v * 0.5) for v in x],
            [math.fmod(v, f32(1.7)) for v in x],
        ]
        self.assertEqual([[float(v) for v in row] for row in exact], found[:4])
        near = [
            [(abs(v) + 0.1) ** 1.3 for v in x],
            [math.copysign(abs(v) ** (1 / 3), v) for v in x],
            [math.atan2(v, 2) for v in x],
            [v / 3 for v in x],
            [1 / (v + 50) for v in x],
            [v / 4 for v in x],
        ]
        for row, expected in zip(found[4:], near, strict=True):  # below 32: 4 ulp at most
            self.assertLessEqual(largest_difference(row, expected), 4 * 32 * 2**-24)

    def test_module_variables(self):
        address, size = self.kernels.symbol("calls_made")
        self.assertEqual(size, 4)
        count = ctypes.c_int.from_address(address)
        before = count.value
        y = zeros(64)
        self.kernels.launch("variables", 1, 64, [y])
        self.assertEqual(list(y), [10 ** (i % 4) * i for i in range(64)])
        self.assertEqual(count.value, before + 64)


if __name__ == "__main__":
    unittest.main()
