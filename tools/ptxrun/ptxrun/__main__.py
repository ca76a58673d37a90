"""python3 -m ptxrun FILE.ptx: builds the library of a PTX file and prints its path.

Kernels that cannot be translated are named on stderr; launching them fails.
"""

import sys
from pathlib import Path

from .build import BuildError, build
from .ptx import TranslationError


def main():
    if len(sys.argv) != 2:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    try:
        library, not_translated = build(Path(sys.argv[1]).read_text())
    except (BuildError, TranslationError, OSError) as error:
        print(f"ptxrun: {error}", file=sys.stderr)
        return 1
    for kernel, why in not_translated:
        print(f"ptxrun: not translated: {kernel}: {why}", file=sys.stderr)
    print(library)
    return 0


sys.exit(main())
