"""Planted defects must be reported (or give NaN); the same kernels without them must not."""

import math
import os
import re
import tempfile
import unittest

from support import LaunchError, floats, kernels, zeros

ORDERS = (0, 1, 7)


class Stderr:
    """What the process writes to file descriptor 2, which ptxrun reports to."""

    def __enter__(self):
        self._saved = os.dup(2)
        self._file = tempfile.TemporaryFile()
        os.dup2(self._file.fileno(), 2)
        return self

    def __exit__(self, *_):
        os.dup2(self._saved, 2)
        os.close(self._saved)
        self._file.seek(0)
        self.text = self._file.read().decode()


class Defects(unittest.TestCase):
    def setUp(self):
        self.kernels = kernels("defects")

    def launch(self, kernel, args, defect, order, threads=64, **options):
        self.kernels.launch(kernel, 1, threads, [*args, int(defect)], order=order, **options)

    def check(self, kernel, args, report, **options):
        for order in ORDERS:
            with self.subTest(order=order):
                self.launch(kernel, args, False, order, **options)
                with Stderr() as stderr, self.assertRaises(LaunchError):
                    self.launch(kernel, args, True, order, **options)
                self.assertRegex(stderr.text, report)

    def check_nan(self, kernel, args, result, **options):
        for order in ORDERS:
            self.launch(kernel, args, False, order, **options)
            self.assertFalse(any(map(math.isnan, result)))
            self.launch(kernel, args, True, order, **options)
            self.assertTrue(any(map(math.isnan, result)))

    def test_missing_barrier(self):
        self.check("missing_barrier", [floats(64)], "shared race")

    def test_missing_second_barrier(self):
        self.check("missing_second_barrier", [floats(64)], "shared race")

    def test_races_are_not_looked_for_at_check_1(self):
        self.launch("missing_barrier", [floats(64)], True, 0, check=1)

    def test_past_the_end(self):
        self.check("past_the_end", [floats(64), 64], "out-of-bounds global store")

    def test_before_the_start(self):
        self.check("before_the_start", [floats(64)], "out-of-bounds global store")

    def test_past_shared_memory(self):
        self.check(
            "past_shared_memory", [floats(64)], "out-of-bounds shared", dynamic_shared=256
        )

    def test_misaligned_vector(self):
        self.check("misaligned", [floats(256)], "misaligned")

    def test_write_to_parameters(self):
        self.check("write_to_parameter_memory", [floats(1), 5], "out-of-bounds global store")

    def test_divergent_barrier(self):
        self.check("divergent_barrier", [floats(64)], "different bar.sync|deadlock")

    def test_barrier_that_is_never_full(self):
        self.check("barrier_never_full", [floats(64)], "barrier never completed")

    def test_shuffle_from_a_lane_that_is_not_there(self):
        self.check("shuffle_from_absent_lane", [zeros(32, "i")], "not in the executing mask", threads=32)

    def test_copy_without_wait(self):
        x, y = floats(128), zeros(128)
        self.check_nan("missing_wait", [x, y], y, threads=32)

    def test_wait_off_by_one(self):
        x, y = floats(256), zeros(128)
        self.check_nan("wait_off_by_one", [x, y], y, threads=32)

    def test_uninitialised_shared_memory(self):
        x = zeros(32)
        self.check_nan("uninitialised_shared", [x], x, threads=32)

    def test_reports_name_the_place(self):
        with Stderr() as stderr, self.assertRaises(LaunchError):
            self.launch("past_the_end", [floats(64), 64], True, 0)
        self.assertTrue(
            re.search(
                r"error in past_the_end: .* block \(0,0,0\), thread \(63,0,0\), PTX line \d+: st\.global",
                stderr.text,
            ),
            stderr.text,
        )


if __name__ == "__main__":
    unittest.main()
