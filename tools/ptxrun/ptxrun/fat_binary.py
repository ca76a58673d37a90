"""Finds the PTX that nvcc put into a program."""

import re
import struct

_MAGIC = struct.pack("<I", 0xBA55ED50)
_HEADER = struct.Struct("<IHHQ")  # magic, version, bytes of this header, bytes of all entries
_ENTRY = struct.Struct("<HHIQ")  # kind, version, bytes of its header, bytes of its content
_PTX = 1


def ptx_texts(program):
    """The PTX that the runtime takes from each fat binary in the bytes of a program; each once."""
    texts = []
    at = program.find(_MAGIC)
    while at >= 0:
        _, _, header, size = _HEADER.unpack_from(program, at)
        newest = max(_entries(program, at + header, size), key=_target, default=None)
        if newest and newest not in texts:
            texts.append(newest)
        at = program.find(_MAGIC, at + header + size)
    return texts


def _entries(program, at, size):
    """The texts of the PTX entries that are not compressed."""
    end = at + size
    while at + _ENTRY.size <= end:
        kind, _, header, content = _ENTRY.unpack_from(program, at)
        text = program[at + header : at + header + content].split(b"\0", 1)[0]
        if kind == _PTX and b".target sm_" in text:
            yield text.decode()
        at += header + content


def _target(ptx):
    """(80, "") before (90, "") before (90, "a")."""
    capability, suffix = re.search(r"\.target sm_(\d+)(a?)", ptx).groups()
    return int(capability), suffix
