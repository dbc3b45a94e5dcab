"""Run every benchmark, or those named: `python -m benchmarks [suppression fusion ...]`.

Options after the names are for the benchmarks themselves.
"""

import importlib
import sys
from itertools import takewhile
from pathlib import Path


def main() -> None:
    found = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    names = takewhile(lambda word: not word.startswith("-"), sys.argv[1:])
    wanted = [f"bench_{name}" for name in names] or found
    for name in wanted:
        if name not in found:
            sys.exit(f"no benchmark {name!r}; there are {', '.join(found)}")
        importlib.import_module(f"{__package__}.{name}").main()


if __name__ == "__main__":
    main()
