"""Compiles every C++ source with clang and libc++, as Apple ships them, without making objects: ./run syntax.

    syntax.py BUILD_FOLDER [PART_OF_A_PATH...]

Reads what the build's own compiler is told, from compile_commands.json, and tells clang the same. Sources of a folder
go through the compiler together where their names allow it, because most of the time goes into headers that they share;
a missing #include can hide so. A batch that fails is compiled again source by source, for messages that mean something.
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
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMPILER = os.environ.get("COREPULSE_SYNTAX_COMPILER", "clang++-19")
FLAGS = ["-stdlib=libc++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wshadow", "-Werror"]
# The project's own exception, and what decides how a source reads; optimization and warnings of g++ are left out.
KEPT = re.compile(r"-[DI]|-fopenmp$|-Wno-missing-field-initializers$")
FOLDERS = ("src", "cli", "tests", "examples", "bench")
# Need CUDA's headers.
SKIPPED = re.compile(r"src/kernels/cuda_(counters|driver|graph)\.cpp$")
# Own macros, and one source compiled several times over.
ALONE = re.compile(r"src/kernels/|_simd\.|-inl\.|tests/kernels/|tests/support/main")
KERNELS = "-DCOREPULSE_CPU_KERNELS=1"
BATCH = 8
# What a line at the margin defines, so that two sources that define the same are not compiled as one.
DEFINED = re.compile(r"^(?:[A-Za-z_][\w:<>,&*\s]*[\s&*])?(\w+)(?=\s*(?:\(|=|\{|\[|;|:))", re.M)


def kept(arguments):
    result = []
    for i, argument in enumerate(arguments):
        if argument == "-isystem":
            result += [argument, arguments[i + 1]]
        elif KEPT.match(argument):
            result.append(argument)
    return tuple(result)


def build_sources(folder):
    """Source -> flags; the parts of CMake's unity files for those."""
    result = {}
    for entry in json.loads(pathlib.Path(folder, "compile_commands.json").read_text()):
        flags = kept(shlex.split(entry["command"]))
        file = pathlib.Path(entry["file"])
        parts = [file]
        if file.suffix == ".cxx" and file.is_file():
            parts = [pathlib.Path(p) for p in re.findall(r'#include "(/[^"]+)"', file.read_text())]
        for part in parts:
            result.setdefault(part.resolve(), flags)
    return result


def all_sources(folder):
    """Those of the build and those that other builds have: examples, GPU tests. They read as their neighbours do."""
    known = build_sources(folder)
    plain = next(flags for file, flags in known.items() if file.parent.name == "support")
    for part in FOLDERS:
        for file in sorted((ROOT / part).rglob("*.cpp")):
            near = (flags for other, flags in known.items() if other.parent == file.parent)
            known.setdefault(file, next(near, plain))
    return {f: flags for f, flags in known.items() if f.is_relative_to(ROOT) and not SKIPPED.search(f.as_posix())}


def batches(sources):
    """[(flags, files)]: files of one folder with disjoint names."""
    alone, open_batches = [], {}
    for file, flags in sorted(sources.items()):
        text = file.read_text()
        if KERNELS in flags and "def COREPULSE_CPU_KERNELS" in text:
            alone.append((tuple(f for f in flags if f != KERNELS), [file]))  # as on macOS, which has no such kernels
        if ALONE.search(file.as_posix()) or "#define " in text:
            alone.append((flags, [file]))
            continue
        names = set(DEFINED.findall(text)) - {"namespace", "TEST_CASE", "struct", "class", "if", "for"}
        for batch in open_batches.setdefault((file.parent, flags), []):
            if len(batch[0]) < BATCH and not batch[1] & names:
                batch[0].append(file)
                batch[1].update(names)
                break
        else:
            open_batches[file.parent, flags].append(([file], names))
    return alone + [(key[1], batch[0]) for key, all_ in open_batches.items() for batch in all_]


def compile_files(flags, files):
    with tempfile.NamedTemporaryFile("w", suffix=".cpp") as unity:
        unity.writelines(f'#include "{file}"\n' for file in files)
        unity.flush()
        source = unity.name if len(files) > 1 else str(files[0])
        done = subprocess.run([COMPILER, *FLAGS, *flags, source], capture_output=True, text=True)
    return done.returncode == 0, done.stderr


def check(batch):
    """(a line for each batch taken apart, what is wrong)"""
    flags, files = batch
    fine, message = compile_files(flags, files)
    if fine or len(files) == 1:
        return [], [] if fine else [(files[0], message)]
    alone = [(file, *compile_files(flags, [file])) for file in files]
    wrong = [(file, text) for file, ok, text in alone if not ok]
    reason = next((line for line in message.splitlines() if ": error:" in line), "")
    return ([] if wrong else [f"taken apart: {reason}"]), wrong


def main():
    sources = {f: flags for f, flags in all_sources(sys.argv[1]).items()
               if not sys.argv[2:] or any(part in str(f.relative_to(ROOT)) for part in sys.argv[2:])}
    work = batches(sources)
    begin, failures = time.monotonic(), 0
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("COREPULSE_JOBS", os.cpu_count()))) as pool:
        for lines, wrong in pool.map(check, work):
            failures += len(wrong)
            for line in lines:
                print(line, flush=True)
            for file, message in wrong:
                print(f"{file.relative_to(ROOT)}:\n{message}", flush=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"syntax: {len(sources)} sources in {len(work)} compilations, {failures} wrong; "
          f"{time.monotonic() - begin:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of processor")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
