"""Refusals name what is not translated; the cache is by content and safe to share."""

import os
import struct
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support import HERE, Library, LaunchError, zeros

from ptxrun.build import build
from ptxrun.module import Module

HEADER = ".version 8.0\n.target sm_80\n.address_size 64\n"
KERNEL = """
.visible .entry {name}(.param .u64 out)
{{
  .reg .b64 %rd<3>;
  .reg .b32 %r<3>;
  ld.param.u64 %rd1, [out];
  {body}
  st.global.u32 [%rd1], {value};
  ret;
}}
"""


def ptx(*kernels):
    return HEADER + "".join(
        KERNEL.format(name=name, body=body, value=value) for name, body, value in kernels
    )


CUBIN, PTX = 2, 1


def fat_binary(*entries):
    """As nvcc lays it out, of entries (kind, text)."""
    content = b"".join(
        struct.pack("<HHIQ", kind, 0x101, 64, len(text)).ljust(64, b"\0") + text.encode()
        for kind, text in entries
    )
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(content)) + content


class Translation(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.cache = Path(folder.name)
        self.addCleanup(os.environ.pop, "PTXRUN_CACHE", None)
        previous = os.environ.get("PTXRUN_CACHE")
        if previous:
            self.addCleanup(os.environ.__setitem__, "PTXRUN_CACHE", previous)
        os.environ["PTXRUN_CACHE"] = folder.name

    def refusal(self, body):
        library = Library(ptx(("good", "", 7), ("bad", body, 7)))
        out = zeros(1, "i")
        library.launch("good", 1, 1, [out])
        self.assertEqual(out[0], 7)
        with self.assertRaises(LaunchError) as raised:
            library.launch("bad", 1, 1, [out])
        return str(raised.exception)

    def test_an_unknown_instruction_refuses_its_kernel_alone(self):
        self.assertRegex(
            self.refusal("tex.1d.v4.f32.s32 {%r1,%r2,%r1,%r2}, [t, {%r1}];"),
            r"kernel bad: line \d+: unsupported: tex.1d.v4.f32.s32",
        )

    def test_an_unknown_operand_is_named(self):
        self.assertRegex(self.refusal("mov.u32 %r1, nowhere;"), "operand. nowhere")

    def test_an_unknown_kernel_is_named(self):
        library = Library(ptx(("good", "", 7)))
        with self.assertRaisesRegex(LaunchError, "kernel other: there are good"):
            library.launch("other", 1, 1, [])

    def test_wrong_arguments_are_named(self):
        library = Library(ptx(("good", "", 7)))
        with self.assertRaisesRegex(LaunchError, "wanted 1 arguments, found 2"):
            library.launch("good", 1, 1, [1, 2])

    def test_the_same_text_is_compiled_once(self):
        text = ptx(("good", "", 7))
        Library(text)
        made = [p.stat().st_mtime_ns for p in self.cache.glob("*.so")]
        Library(text)
        self.assertEqual([p.stat().st_mtime_ns for p in self.cache.glob("*.so")], made)
        Library(ptx(("good", "", 8)))
        self.assertEqual(len(list(self.cache.glob("*.so"))), 2)

    def test_processes_that_ask_at_once_get_one_library(self):
        source = self.cache / "k.ptx"
        source.write_text(ptx(("good", "", 7)))
        home = HERE.parents[1] / "tools" / "ptxrun"
        command = [sys.executable, "-B", "-m", "ptxrun", str(source)]
        run = lambda _: subprocess.run(
            command, cwd=home, check=True, capture_output=True, text=True
        ).stdout
        with ThreadPoolExecutor(4) as pool:
            paths = set(pool.map(run, range(4)))
        self.assertEqual(len(paths), 1)
        self.assertEqual(len(list(self.cache.glob("*.so"))), 1)
        self.assertEqual(list(self.cache.glob("*.tmp")), [])

    def test_the_newest_ptx_of_each_fat_binary_in_a_program_is_built(self):
        older, newer, other = (ptx(("good", "", value)) for value in (7, 8, 9))
        newer = newer.replace("sm_80", "sm_90")
        program = self.cache / "program"
        code = fat_binary((PTX, older), (PTX, newer), (CUBIN, "code"))
        program.write_bytes(b"\x7fELF code" + code + b"data" + fat_binary((PTX, other)) + code)
        home = HERE.parents[1] / "tools" / "ptxrun"
        run = subprocess.run(
            [sys.executable, "-B", "-m", "ptxrun", str(program)],
            cwd=home,
            check=True,
            capture_output=True,
            text=True,
        )
        built = set(run.stdout.split())
        self.assertEqual(built, {str(build(text)[0]) for text in (newer, other)})
        self.assertEqual(len(list(self.cache.glob("*.so"))), 2)

    def test_registers_numbers_and_lines_are_all_that_tells_instructions_of_a_kind_apart(self):
        adds = "add.u32 %r1, %r2, 5; add.u32 %r2, %r1, 6; @%p1 add.u32 %r1, %r2, 5;"
        module = Module(ptx(("k", ".reg .pred %p<2>; " + adds, 7)))
        self.assertEqual(module.emit().count("+(u32)("), 2)  # for a full warp, and for a part of it

    def test_a_missing_compiler_is_one_line(self):
        source = self.cache / "k.ptx"
        source.write_text(ptx(("good", "", 7)))
        run = subprocess.run(
            [sys.executable, "-B", "-m", "ptxrun", str(source)],
            cwd=HERE.parents[1] / "tools" / "ptxrun",
            env={**os.environ, "PTXRUN_CXX": "no-such-compiler"},
            capture_output=True,
            text=True,
        )
        self.assertEqual(run.returncode, 1)
        self.assertEqual(run.stderr, "ptxrun: no-such-compiler is not installed\n")


if __name__ == "__main__":
    unittest.main()
