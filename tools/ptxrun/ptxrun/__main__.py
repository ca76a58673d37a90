"""python3 -m ptxrun FILE.ptx | PROGRAM: builds the library of a PTX file, or those of a program.

Compiles as many at a time as there are processors; prints their paths. Kernels that cannot be
translated are named on stderr; launching them fails.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from .build import BuildError, build
from .fat_binary import ptx_texts
from .ptx import TranslationError

_ELF = b"\x7fELF"


def main():
    if len(sys.argv) != 2:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    try:
        content = Path(sys.argv[1]).read_bytes()
        texts = ptx_texts(content) if content.startswith(_ELF) else [content.decode()]
        # Large texts take longest: first.
        texts.sort(key=len, reverse=True)
        with ProcessPoolExecutor() as pool:
            built = list(pool.map(build, texts))
    except (BuildError, TranslationError, OSError) as error:
        print(f"ptxrun: {error}", file=sys.stderr)
        return 1
    for library, not_translated in built:
        for kernel, why in not_translated:
            print(f"ptxrun: not translated: {kernel}: {why}", file=sys.stderr)
        print(library)
    return 0


if __name__ == "__main__":
    sys.exit(main())
