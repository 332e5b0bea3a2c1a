"""Fails when a source file is longer than one sitting (400 lines), a function longer than a screen (40), or a folder
fuller than a glance (30 files); prints the median length of files."""
import pathlib
import statistics
import sys

from functions import too_long

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
LIMIT = 400
FOLDER_LIMIT = 30  # files that lie in a folder itself; its subfolders count apart
FOLDERS = ("include", "src", "cli", "server", "python", "tests", "examples", "bench", "cmake", "studio", "integrations")
SUFFIXES = (".h", ".cpp", ".cu", ".py", ".txt", ".cmake", ".js", ".css", ".html")
TABLES = set()  # Files that are data, by path: nobody reads them from top to bottom.


def crowded():
    """Folders of the library and of the program in which nobody finds a file at a glance."""
    for top in ("include", "src", "cli", "server", "python", "studio"):
        for folder in sorted({f.parent for f in (ROOT / top).rglob("*") if f.is_file()}):
            n = sum(f.is_file() for f in folder.iterdir())
            if n > FOLDER_LIMIT:
                yield f"{folder.relative_to(ROOT).as_posix()}: {n} files; at most {FOLDER_LIMIT}: give it rooms"


def main():
    lengths = {}
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("*"):
            where = file.relative_to(ROOT).as_posix()
            if file.suffix in SUFFIXES and where not in TABLES and "golden/" not in where:
                lengths[where] = len(file.read_text().splitlines())
    long = {w: n for w, n in lengths.items() if n > LIMIT}
    for where, n in sorted(long.items()):
        print(f"{where}: {n} lines; at most {LIMIT}: split it")
    large = [*crowded(), *too_long([ROOT / f for f in ("include", "src", "cli", "server", "python")], ROOT)]
    print(*large, sep="\n", end="\n" if large else "")
    code = [n for w, n in lengths.items() if w.startswith(("src/", "include/"))]
    print(f"sizes: {len(lengths)} files, median {statistics.median(lengths.values()):.0f} lines, "
          f"src and include {sum(code)} lines in {len(code)} files")
    return bool(long or large)


if __name__ == "__main__":
    sys.exit(main())
