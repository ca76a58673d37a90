"""Compiles translated PTX with g++ into a shared library, cached by content."""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from .module import Module

HOME = Path(__file__).resolve().parent.parent
CXX = os.environ.get("PTXRUN_CXX", "g++")
# The loops over lanes want vectors; calls, which are most of a kernel, want little else.
FLAGS = [
    "-std=c++20", "-O1", "-ftree-vectorize", "-fvect-cost-model=very-cheap", "-march=native",
    "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fno-gnu-unique", "-w",
    "-shared", "-fPIC", f"-I{HOME}",
]  # fmt: skip


class BuildError(Exception):
    """One line on why there is no library."""


def cache_folder():
    default = Path(tempfile.gettempdir()) / f"ptxrun-cache-{os.getuid()}"
    return Path(os.environ.get("PTXRUN_CACHE", default))


def build(text):
    """The shared library of a PTX text, and [(kernel, reason)] of what could not be translated.

    Processes that ask for the same text at once wait for the one that compiles it.
    """
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / _key(text)
    library, refused = base.with_suffix(".so"), base.with_suffix(".refused")
    with _lock(base.with_suffix(".lock")):
        if not library.exists():
            not_translated = _compile(text, library)
            _write(refused, "".join(f"{kernel}\t{why}\n" for kernel, why in not_translated))
    rows = refused.read_text().splitlines() if refused.exists() else []
    return library, [tuple(row.split("\t", 1)) for row in rows]


def _key(text):
    """Everything a library depends on."""
    digest = hashlib.sha256(text.encode())
    for source in sorted([*HOME.glob("ptxrun/**/*.py"), *HOME.glob("device/*.h")]):
        digest.update(source.read_bytes())
    digest.update(" ".join([CXX, *FLAGS]).encode())
    digest.update(_run([CXX, "-dumpfullversion"]).encode())
    digest.update(_processor().encode())
    return digest.hexdigest()[:24]


def _processor():
    """What -march=native depends on."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return line
    return ""


@contextlib.contextmanager
def _lock(path):
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compile(text, library):
    module = Module(text)
    code = module.emit()
    source = library.with_suffix(".cpp")
    _write(source, code)
    made = library.with_suffix(f".{os.getpid()}.tmp")
    try:
        _run([CXX, *FLAGS, str(source), "-o", str(made), "-lpthread"])
        made.rename(library)
    finally:
        made.unlink(missing_ok=True)
    return module.not_translated


def _write(path, text):
    made = path.with_suffix(f".{os.getpid()}.tmp")
    made.write_text(text)
    made.rename(path)


def _run(command):
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError as error:
        raise BuildError(f"{command[0]} is not installed") from error
    except subprocess.CalledProcessError as error:
        first = next((x for x in error.stderr.splitlines() if "error" in x), error.stderr[-400:])
        raise BuildError(f"{command[0]} failed: {first.strip()}") from error
