"""Whether a pyconfig.h written by hand answers what CPython's public headers ask: check_pyconfig.py PYCONFIG HEADERS."""
import pathlib
import re
import sys

# Which names there are to be asked for, the version's own pyconfig.h tells; Debian's only names those of each machine.
OWN = {"const", "signed", "size_t", "_POSIX_THREADS"}  # the compiler's and the system's own


def names(text):
    return set(re.findall(r"#\s*(?:define|undef)\s+(\w+)", text))


def asked(headers, known):
    """Of `known`, by header: what conditions name. Curses and CPython's inner parts are no business of an extension's."""
    found = {}
    for header in sorted(headers.glob("*.h")) + sorted((headers / "cpython").glob("*.h")):
        if header.name not in ("pyconfig.h", "py_curses.h", "pymacconfig.h"):
            for line in re.findall(r"^[ \t]*#[ \t]*(?:el)?if.*", header.read_text(errors="replace"), re.M):
                for name in set(re.findall(r"\w+", line)) & known:
                    found.setdefault(name, header.name)
    return found


def main():
    answers, headers = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    own = [headers / "pyconfig.h", *headers.parent.glob(f"*-linux-gnu/{headers.name}/pyconfig.h")]
    known = set().union(*(names(f.read_text()) for f in own if f.is_file()))
    given = names(answers.read_text()) | names((headers / "pymacconfig.h").read_text()) | OWN
    lacking = {n: h for n, h in asked(headers, known).items() if n not in given}
    for name, header in sorted(lacking.items()):
        print(f"{answers}: does not say whether a Mac has {name}, which {header} asks")
    return bool(lacking) or len(known) < 100


if __name__ == "__main__":
    sys.exit(main())
