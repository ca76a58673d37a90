"""Launches of single kernels from Python.

    kernels = Library(Path("k.ptx").read_text())
    kernels.launch("saxpy", grid=4, block=256, args=[x, y, 2.5, 1000])
"""

import ctypes
import struct
from dataclasses import dataclass

from .build import build

MAX_PARAMETERS = 256


class LaunchError(Exception):
    """A launch that was refused or in which something was reported (on stderr)."""


@dataclass
class Stats:
    warp_instructions: int
    errors: int
    seconds: float


class _Options(ctypes.Structure):  # LaunchOptions of device/interface.h
    _fields_ = [
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("dynamic_shared", ctypes.c_uint32),
        ("check", ctypes.c_int32),
        ("order", ctypes.c_int32),
        ("threads", ctypes.c_int32),
    ]


class _Stats(ctypes.Structure):  # LaunchStats
    _fields_ = [
        ("warp_instructions", ctypes.c_uint64),
        ("errors", ctypes.c_uint64),
        ("seconds", ctypes.c_double),
    ]


class Library:
    def __init__(self, text):
        path, self.not_translated = build(text)
        self._library = ctypes.CDLL(str(path))
        self._library.ptxrun_kernel_name.restype = ctypes.c_char_p
        self._library.ptxrun_symbol.restype = ctypes.c_void_p
        self.kernels = []
        while name := self._library.ptxrun_kernel_name(len(self.kernels)):
            self.kernels.append(name.decode())

    def symbol(self, name):
        """(address, bytes) of a module variable."""
        size = ctypes.c_uint64()
        address = self._library.ptxrun_symbol(name.encode(), ctypes.byref(size))
        if address is None:
            raise LaunchError(f"no variable {name}")
        return address, size.value

    def launch(
        self, kernel, grid, block, args, dynamic_shared=0, check=2, order=0, threads=1, buffers=()
    ):
        """Runs a kernel; LaunchError if anything was reported.

        args: a writable buffer (array, ctypes array, bytearray, NumPy array) is a pointer to its
        memory, which is bounds-checked; int and float are scalars of the parameter's type; ctypes
        values, structures and bytes go by value; None is a null pointer. buffers: more memory that
        the kernel may touch.
        """
        if kernel not in self.kernels:
            why = dict(self.not_translated).get(kernel, f"there are {', '.join(self.kernels)}")
            raise LaunchError(f"kernel {kernel}: {why}")
        self._library.ptxrun_clear_buffers()
        for buffer in buffers:
            self._add_buffer(buffer)
        parameters = self._parameters(kernel, args)
        options = _Options(
            _extent(grid), _extent(block), dynamic_shared, check, order, threads
        )
        stats = _Stats()
        failed = self._library.ptxrun_launch(
            kernel.encode(),
            ctypes.byref(options),
            (ctypes.c_char * len(parameters)).from_buffer(parameters),
            ctypes.byref(stats),
        )
        if failed:
            raise LaunchError(f"{kernel}: {stats.errors} errors")
        return Stats(stats.warp_instructions, stats.errors, stats.seconds)

    def _parameters(self, kernel, args):
        offsets = (ctypes.c_uint32 * MAX_PARAMETERS)()
        sizes = (ctypes.c_uint32 * MAX_PARAMETERS)()
        types = (ctypes.c_char_p * MAX_PARAMETERS)()
        count = self._library.ptxrun_parameters(
            kernel.encode(), offsets, sizes, types, MAX_PARAMETERS
        )
        if count != len(args):
            raise LaunchError(f"{kernel}: wanted {count} arguments, found {len(args)}")
        end = offsets[count - 1] + sizes[count - 1] if count else 0
        blob = bytearray(max(end, 1))
        for i, arg in enumerate(args):
            value = self._argument(arg, types[i].decode(), sizes[i])
            if len(value) != sizes[i]:
                raise LaunchError(
                    f"{kernel}: argument {i}: wanted {sizes[i]} bytes ({types[i].decode()}), "
                    f"found {len(value)}"
                )
            blob[offsets[i] : offsets[i] + sizes[i]] = value
        return blob

    def _argument(self, arg, type_, size):
        if arg is None:
            return bytes(8)
        if isinstance(arg, (bytes, ctypes.Structure, ctypes._SimpleCData)):
            return bytes(arg)
        if isinstance(arg, float) or (isinstance(arg, int) and type_ in ("f32", "f64")):
            return struct.pack("<d" if size == 8 else "<f", arg)
        if isinstance(arg, int):
            return (arg & ((1 << 8 * size) - 1)).to_bytes(size, "little")
        return struct.pack("<Q", self._add_buffer(arg))

    def _add_buffer(self, buffer):
        size = memoryview(buffer).nbytes
        address = ctypes.addressof((ctypes.c_char * max(size, 1)).from_buffer(buffer))
        self._library.ptxrun_add_buffer(ctypes.c_void_p(address), ctypes.c_uint64(size), 0)
        return address


def _extent(value):
    sizes = (value,) if isinstance(value, int) else tuple(value)
    return (ctypes.c_uint32 * 3)(*(sizes + (1, 1, 1))[:3])
