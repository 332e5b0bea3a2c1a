"""Whether a wheel is what its name says and finds all that it needs, without running anything of it: for another machine's.

    examine.py WHEEL... [--mlx MODULE]    MODULE: the extension mlx.core of the same platform, whose arrays are to be shared
"""
from __future__ import annotations

import argparse
import base64
import email
import hashlib
import pathlib
import posixpath
import re
import sys
import zipfile

import binaries

NAME = "corepulse"
LARGEST = 100 << 20
NEWEST_GLIBC = (2, 35)  # Debian 12, Ubuntu 22.04: that MLX's wheels need it, too, is why it need not be older
OLDEST_MACOS = (14, 0)  # MLX's
# Of MLX: the wheel that brings its library, and the extra by which one asks for it.
EXTRAS = {"mlx-cpu": "cpu", "mlx-cuda-12": "cuda12", "mlx-cuda-13": "cuda13", "mlx-metal": None}
# What every Linux of that glibc has, by the rules of manylinux; what every Mac has.
SYSTEM = {
    "linux": re.compile(r"(lib(c|m|pthread|dl|rt|z|stdc\+\+|gcc_s)|ld-linux-(x86-64|aarch64))\.so\.\d"),
    "macos": re.compile(r"/usr/lib/lib(System\.B|c\+\+\.1|c\+\+abi|objc\.A|z\.1)\.dylib"),
}
ORIGIN = {"linux": "$ORIGIN", "macos": "@loader_path"}
SUFFIX = {"linux": "so", "macos": "dylib"}
NANOBIND = re.compile(rb"nanobind_[a-z0-9_+]+_v\d+(?:_stable)?")  # extensions in which this is one share their types


class Wheel:
    """Its files, by name, and what its name says."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        with zipfile.ZipFile(path) as file:
            self.files = {e.filename: file.read(e) for e in file.infolist() if not e.is_dir()}
            self.modes = {e.filename: e.external_attr >> 16 for e in file.infolist()}
        self.name, self.version, self.python, self.abi, self.platform = path.name.removesuffix(".whl").split("-")
        self.info = f"{self.name}-{self.version}.dist-info"
        self.system = "macos" if self.platform.startswith("macosx") else "linux"
        self.machine = re.sub(r"^(many)?(linux|macosx)_(\d+_\d+_)?", "", self.platform.split(".")[0])

    def text(self, name: str) -> str:
        return self.files.get(name, b"").decode()


def of_record(wheel: Wheel):
    listed = dict(line.split(",", 1) for line in wheel.text(f"{wheel.info}/RECORD").splitlines())
    for name in sorted(listed.keys() ^ wheel.files.keys()):
        yield f"RECORD: {name} is {'not there' if name in listed else 'not in it'}"
    for name in sorted(listed.keys() & wheel.files.keys() - {f"{wheel.info}/RECORD"}):
        digest = base64.urlsafe_b64encode(hashlib.sha256(wheel.files[name]).digest()).rstrip(b"=").decode()
        if listed[name] != f"sha256={digest},{len(wheel.files[name])}":
            yield f"RECORD: {name} is another file"


def of_tags(wheel: Wheel):
    tags = [line.split(": ")[1] for line in wheel.text(f"{wheel.info}/WHEEL").splitlines() if line.startswith("Tag: ")]
    named = {f"{wheel.python}-{wheel.abi}-{p}" for p in wheel.platform.split(".")}
    if set(tags) != named:
        yield f"WHEEL says {tags}, the name {sorted(named)}"
    for platform in wheel.platform.split("."):
        at = re.fullmatch(r"(manylinux|macosx)_(\d+)_(\d+)_\w+", platform)
        version = (int(at[2]), int(at[3])) if at else (0, 0)
        if not at or (version > NEWEST_GLIBC if at[1] == "manylinux" else version != OLDEST_MACOS):
            yield f"the tag {platform}; expected manylinux of at most 2.35, or macosx_14_0"


def of_metadata(wheel: Wheel):
    """What it asks for, exactly: the MLX that it was built for, and its model."""
    said = email.message_from_string(wheel.text(f"{wheel.info}/METADATA"))
    if (said["Name"], said["Version"]) != (wheel.name, wheel.version):
        yield f"METADATA is of {said['Name']} {said['Version']}"
    built = dict(re.findall(r'(\w+) = "(.*)"', wheel.text(f"{NAME}/_built_for.py")))
    if built.get("COMPUTES") not in EXTRAS:
        yield f"_built_for.py names {built.get('COMPUTES')}, which is no part of MLX"
        return
    extra = EXTRAS[built["COMPUTES"]]
    if (extra is None) != (wheel.system == "macos"):
        yield f"built for {built['COMPUTES']}, and for {wheel.system}"
    local = wheel.version.partition("+")[2]
    if local != (extra if extra and extra.startswith("cuda") else ""):
        yield f"the version {wheel.version} of a wheel built for {built['COMPUTES']}"
    needs = [n.replace("'", '"') for n in said.get_all("Requires-Dist") or []]
    wanted = f'mlx[{extra}]=={built["MLX"]}; sys_platform == "linux"' if extra else f'mlx=={built["MLX"]}; sys_platform == "darwin"'
    for need in (wanted, f"{NAME}-model=={wheel.version.partition('+')[0]}"):
        if need not in needs:
            yield f"METADATA does not ask for {need}"
    for need in needs:
        if need.startswith("mlx[") and not need.startswith(f"mlx[{extra or 'cpu'}]"):
            yield f"METADATA asks for {need}, of which one would take the other's place"


def is_found(wheel: Wheel, name: str, needed: str, rpaths: list[str]) -> bool:
    """Whether the loader finds it: in the system, in the wheel, or in MLX's beside it."""
    if SYSTEM[wheel.system].fullmatch(needed):
        return True
    file = needed.removeprefix("@rpath/")
    if wheel.system == "macos" and file == needed:
        return False
    for rpath in rpaths:
        folder = posixpath.normpath(rpath.replace(ORIGIN[wheel.system], posixpath.dirname(name), 1))
        if f"{folder}/{file}" in wheel.files or (folder, file) == ("mlx/lib", f"libmlx.{SUFFIX[wheel.system]}"):
            return True
    return False


def of_binaries(wheel: Wheel):
    for name, data in sorted(wheel.files.items()):
        try:
            binary = binaries.read(data)
        except ValueError as error:
            yield f"{name}: {error}"
            continue
        if binary is None:
            continue
        if (binary.system, binary.machine) != (wheel.system, wheel.machine):
            yield f"{name}: for {binary.system} on {binary.machine}"
            continue
        for rpath in binary.rpaths:
            if not re.match(re.escape(ORIGIN[wheel.system]) + "(/|$)", rpath):
                yield f"{name}: looks for libraries in {rpath}"
        for needed in binary.needed:
            if not is_found(wheel, name, needed, binary.rpaths):
                yield f"{name}: does not find {needed}"
        if wheel.system == "macos" and binary.minimum != OLDEST_MACOS:
            yield f"{name}: for macOS {binary.minimum[0]}.{binary.minimum[1]}"
        if wheel.system == "macos" and not binary.is_signed:
            yield f"{name}: its signature is missing or wrong, and a Mac would end it"


def of_contents(wheel: Wheel, mlx: bytes | None):
    number = wheel.python.removeprefix("cp")
    end = "darwin" if wheel.system == "macos" else f"{wheel.machine}-linux-gnu"
    module, program = f"{NAME}/_core.cpython-{number}-{end}.so", f"{NAME}/bin/{NAME}"
    library = f"{NAME}/lib/lib{NAME}.0.dylib" if wheel.system == "macos" else f"{NAME}/lib/lib{NAME}.so.0"
    data = f"{NAME}/share/{NAME}"
    for name in (module, program, library, f"{NAME}/_core.pyi", f"{NAME}/py.typed", f"{NAME}/controls.py",
                 f"{data}/data/clip/bpe_simple_vocab_16e6.txt.gz", f"{data}/recipes/index.json"):
        if name not in wheel.files:
            yield f"without {name}"
    if not wheel.modes.get(program, 0o111) & 0o111:
        yield f"{program} may not be run"
    for name in wheel.files:
        if re.search(r"/training/|/share/corepulse/models/|__pycache__", name):
            yield f"{name} does not belong there"
    tags = [set(NANOBIND.findall(d)) for d in (wheel.files.get(module, b""), mlx or b"")]
    if mlx is not None and (not tags[0] or tags[0] != tags[1]):
        yield f"shares no arrays with MLX: nanobind's mark is {tags[0]}, MLX's {tags[1]}"


def complaints(path: pathlib.Path, mlx: bytes | None = None) -> list[str]:
    """Empty for a good wheel; `mlx`: the file mlx.core of its platform."""
    wheel = Wheel(path)
    found = [*of_record(wheel)]
    if path.stat().st_size > LARGEST:
        found.append(f"{path.stat().st_size / 1e6:.1f} MB; at most {LARGEST / 1e6:.1f}")
    if wheel.platform == "any":
        model = f"{NAME}/share/{NAME}/models/builtin/"
        return found + [f"without {model}" for _ in range(1) if not any(f.startswith(model) for f in wheel.files)]
    return [*found, *of_tags(wheel), *of_metadata(wheel), *of_binaries(wheel), *of_contents(wheel, mlx)]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("wheels", nargs="+", type=pathlib.Path)
    arguments.add_argument("--mlx", type=pathlib.Path)
    given = arguments.parse_args()
    bad = 0
    for wheel in given.wheels:
        found = complaints(wheel, given.mlx.read_bytes() if given.mlx else None)
        bad += len(found)
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB", *(found or ["examined"]), sep="\n  ")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
