"""What the tests of single kernels share: compilation of kernels/, number formats."""

import array
import os
import random
import struct
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools" / "ptxrun"))
sys.dont_write_bytecode = True

from ptxrun.library import Library, LaunchError  # noqa: E402,F401


@lru_cache
def kernels(name, arch=80):
    """The library of kernels/NAME.cu as nvcc compiles it for an architecture."""
    nvcc = os.environ.get("NVCC", "nvcc")
    source = HERE / "kernels" / f"{name}.cu"
    command = [nvcc, "-ptx", "-std=c++17", f"-arch=compute_{arch}", str(source), "-o", "-"]
    return Library(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def floats(count, low=-1.0, high=1.0):
    return array.array("f", (random.uniform(low, high) for _ in range(count)))


def zeros(count, type_="f"):
    return array.array(type_, bytes(array.array(type_, [0]).itemsize * count))


def f32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def bf16_bits(x):
    """To nearest even."""
    bits = struct.unpack("I", struct.pack("f", x))[0]
    return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16


def from_bf16(bits):
    return struct.unpack("f", struct.pack("I", bits << 16))[0]


def f16_bits(x):
    return struct.unpack("H", struct.pack("e", x))[0]


def from_f16(bits):
    return struct.unpack("e", struct.pack("H", bits))[0]


def largest_difference(a, b):
    return max(abs(x - y) for x, y in zip(a, b, strict=True))


def product(a, b, m, n, k):
    """Rows of a times columns of b, both row-major, in double."""
    return [
        sum(a[i * k + q] * b[q * n + j] for q in range(k)) for i in range(m) for j in range(n)
    ]


def transposed(b, rows, columns):
    return [b[r * columns + c] for c in range(columns) for r in range(rows)]
