"""Fails when a C++ file is not formatted as .clang-format says. `lint.py --fix` formats instead."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("include", "src", "cli", "server", "tests", "examples", "bench", "python")


def sources():
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in (".h", ".cpp"):
                yield str(file)


def main():
    clang_format = pathlib.Path(sys.executable).with_name("clang-format")
    mode = ["-i"] if "--fix" in sys.argv else ["--dry-run", "-Werror"]
    files = list(sources())
    failed = subprocess.run([clang_format, *mode, *files]).returncode
    print(f"lint: {len(files)} files, {'NOT formatted: cmake/lint.py --fix' if failed else 'all formatted'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
