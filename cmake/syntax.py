"""Compiles every C++ source with clang and libc++, as Apple ships them, without making objects: ./run syntax.

    syntax.py BUILD_FOLDER [quick] [PART_OF_A_PATH...]

Reads what the build's own compiler is told, from compile_commands.json, and tells clang the same. Sources of a folder
go through the compiler together, as the build's own do and where their names allow it, because most of the time goes into
headers that they share; a missing #include can hide so. A batch that fails is compiled again source by source, for
messages that mean something. `quick`, as CI does it, reads the headers that most sources include once and for all of them:
half the time, and a missing #include of one of these is not seen. COREPULSE_JOBS: how many at a time; COREPULSE_SYNTAX_COMPILER: another clang.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMPILER = os.environ.get("COREPULSE_SYNTAX_COMPILER", "clang++-19")
FLAGS = ["-stdlib=libc++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wshadow", "-Werror",
         *shlex.split(os.environ.get("COREPULSE_SYNTAX_FLAGS", ""))]  # e.g. -isystem with newer libraries' headers
# The project's own exception, and what decides how a source reads; optimization and warnings of g++ are left out.
KEPT = re.compile(r"-[DI]|-fopenmp$|-Wno-missing-field-initializers$")
FOLDERS = ("src", "cli", "tests", "examples", "bench", "python")
# Need CUDA's headers.
SKIPPED = re.compile(r"src/kernels/cuda/(counters|driver|graph)\.cpp$")
# Sources that Highway compiles several times over, that ask for a library's implementation, or that name a function as
# the tests' support does.
ALONE = re.compile(r"src/kernels/(amx|cpu/simd)/|#define (DOCTEST_CONFIG_IMPLEMENT|HWY_)|tests/(pipeline/request|nn/weights)_test\.")
# Include folders of targets that this build may lack.
EXTRA = {"tests/gpu": (f"-I{ROOT}/tests/pipeline",)}
BATCH = 8
# Read once by `quick`.
HEADERS = ("algorithm", "array", "atomic", "chrono", "cmath", "cstdint", "cstdlib", "cstring", "exception", "filesystem",
           "fmt/format.h", "fmt/ranges.h", "functional", "future", "limits", "map", "memory", "mutex", "nlohmann/json.hpp",
           "numeric", "optional", "random", "set", "span", "string", "string_view", "thread", "tuple", "unordered_map",
           "utility", "variant", "vector", "mlx/array.h", "mlx/ops.h", "mlx/transforms.h")
# What a line at the margin defines, so that two sources that define the same are not compiled as one.
DEFINED = re.compile(r'^(?!using|namespace|TEST_CASE|return)[A-Za-z_][\w:<>,&*" ]*[ &*](\w+) *[({=;\[]|^#define (\w+)'
                     r"|, (k[A-Z]\w*) = ", re.M)


def kept(arguments):
    result = []
    for i, argument in enumerate(arguments):
        if argument == "-isystem":
            result += [argument, arguments[i + 1]]
        elif KEPT.match(argument):
            result.append(argument)
    return tuple(result)


def from_build(folder):
    """[(flags, files)]: what the build compiles together is together here, too."""
    result, seen = [], set()
    for entry in json.loads(pathlib.Path(folder, "compile_commands.json").read_text()):
        file = pathlib.Path(entry["file"]).resolve()
        files = [file]
        if file.suffix == ".cxx" and file.is_file():  # a unity file of CMake's
            files = [pathlib.Path(p) for p in re.findall(r'#include "(/[^"]+)"', file.read_text())]
        if not any(files[0].is_relative_to(ROOT / folder) for folder in FOLDERS):
            continue  # nanobind's own
        if seen.isdisjoint(files):
            result.append((kept(shlex.split(entry["command"])), files))
        seen.update(files)
    return result


def from_other_builds(known):
    """Examples, tests on GPUs: they read as their neighbours do."""
    near = {file.parent: flags for flags, files in known for file in files}
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.cpp")):
            if not any(file in files for _, files in known) and not SKIPPED.search(file.as_posix()):
                extra = EXTRA.get(file.parent.relative_to(ROOT).as_posix(), ())
                yield near.get(file.parent, near[ROOT / "tests/support"]) + extra, [file]


def batches(known):
    """The same with single files of one folder together where they define different names."""
    result, places = [], {}
    for flags, files in known:
        text = files[0].read_text()
        if len(files) > 1 or ALONE.search(f"{files[0]}\n{text}"):
            result.append((flags, files))
            continue
        names = {name for found in DEFINED.findall(text) for name in found if name}
        place = places.setdefault((files[0].parent, flags), [])
        for batch, taken in place:
            if len(batch) < BATCH and taken.isdisjoint(names):
                batch += files
                taken |= names
                break
        else:
            place.append((list(files), names))
            result.append((flags, place[-1][0]))
    return result


def chosen(known, parts):
    for flags, files in known:
        left = [f for f in files if not parts or any(p in f.relative_to(ROOT).as_posix() for p in parts)]
        if left:
            yield flags, left


class Prepared:
    """The headers, compiled for every set of flags that changes what they say."""

    def __init__(self, folder):
        self.folder, self.made, self.lock = pathlib.Path(folder), {}, threading.Lock()

    def flags(self, flags):
        if not self.folder.name:
            return []
        key = tuple(f for i, f in enumerate(flags) if f in ("-fopenmp", "-isystem", "-DFMT_SHARED") or flags[i - 1] == "-isystem")
        with self.lock:
            if key not in self.made:
                self.made[key] = self.make(key, self.folder / f"headers{len(self.made)}")
        return ["-include-pch", self.made[key]]

    @staticmethod
    def make(flags, name):
        source, result = name.with_suffix(".h"), name.with_suffix(".pch")
        source.write_text("".join(f"#include <{header}>\n" for header in HEADERS))
        plain = [f for f in FLAGS if f != "-fsyntax-only"]
        subprocess.run([COMPILER, *plain, *flags, "-fpch-instantiate-templates", "-x", "c++-header", source, "-o", result],
                       check=True)
        return result


def compile_files(flags, files):
    with tempfile.NamedTemporaryFile("w", suffix=".cpp") as unity:
        unity.writelines(f'#include "{file}"\n' for file in files)
        unity.flush()
        source = unity.name if len(files) > 1 else str(files[0])
        done = subprocess.run([COMPILER, *FLAGS, *flags, source], capture_output=True, text=True)
    return done.returncode == 0, done.stderr


def check(batch, prepared):
    """(a line for each batch taken apart, what is wrong)"""
    flags, files = batch
    fine, message = compile_files([*prepared.flags(flags), *flags], files)
    if fine or len(files) == 1:
        return [], [] if fine else [(files[0], message)]
    alone = [(file, *compile_files(flags, [file])) for file in files]
    wrong = [(file, text) for file, ok, text in alone if not ok]
    reason = next((line for line in message.splitlines() if ": error:" in line), "")
    return ([] if wrong else [f"taken apart: {reason}"]), wrong


def main():
    known = from_build(sys.argv[1])
    known += from_other_builds(known)
    quick = sys.argv[2:3] == ["quick"]
    known = list(chosen(known, sys.argv[2 + quick:]))
    work = batches(known)
    with tempfile.TemporaryDirectory() as folder:
        return run(work, Prepared(folder if quick else ""))


def run(work, prepared):
    begin, failures = time.monotonic(), 0
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("COREPULSE_JOBS", os.cpu_count()))) as pool:
        for done in concurrent.futures.as_completed([pool.submit(check, batch, prepared) for batch in work]):
            lines, wrong = done.result()
            failures += len(wrong)
            for line in lines:
                print(line, flush=True)
            for file, message in wrong:
                print(f"{file.relative_to(ROOT)}:\n{message}", flush=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"syntax: {sum(len(files) for _, files in work)} sources in {len(work)} compilations, {failures} wrong; "
          f"{time.monotonic() - begin:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of processor")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
