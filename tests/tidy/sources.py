"""The files that the checks of the source text look at, and how a check reports."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = {".git", ".cache", "build", "__pycache__", "shared"}
CXX = {".hpp", ".cpp", ".cu", ".cuh"}
CODE = CXX | {".py", ".sh", ".cmake"}
CODE_NAMES = {"dev", "run", "CMakeLists.txt"}


def files(root):
    """Yields every file of the checkout as (path, path relative to the root)."""
    for path in sorted(pathlib.Path(root).iterdir()):
        if path.name in SKIPPED:
            continue
        if path.is_dir() and not path.is_symlink():
            for sub, relative in files(path):
                yield sub, pathlib.Path(path.name) / relative
        elif path.is_file():
            yield path, pathlib.Path(path.name)


def is_data(relative):
    """Test vectors, fuzz inputs and measured results are not ours to word or to wrap."""
    text = relative.as_posix()
    return text.startswith(("tests/data/", "tests/fuzz/corpus/", "bench/results/"))


def code(root):
    """Yields the program text: C++, CUDA, Python, shell and CMake."""
    for path, relative in files(root):
        named = path.suffix in CODE or path.name in CODE_NAMES
        if named and not is_data(relative):
            yield path, relative


def cxx(root):
    """Yields C++ and CUDA sources."""
    return ((path, relative) for path, relative in code(root) if path.suffix in CXX)


def main(violations):
    """Runs a check on the root named by the first argument; exit status 1 when it fails."""
    found = list(violations(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT))
    for line in found:
        print(line)
    sys.exit(bool(found))
