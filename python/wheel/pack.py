"""Makes wheels of files: of a tree that CMake laid out, and of another wheel the two that are published."""
from __future__ import annotations

import base64
import hashlib
import pathlib
import re
import zipfile

NAME = "corepulse"
MODELS = f"{NAME}/share/{NAME}/models/"
Part = tuple[zipfile.ZipInfo, bytes]


def write(wheel: pathlib.Path, parts: list[Part], info: str) -> pathlib.Path:
    """A wheel of these files, with the list of them."""
    record = ""
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for entry, content in parts:
            out.writestr(entry, content, zipfile.ZIP_DEFLATED)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record += f"{entry.filename},sha256={digest},{len(content)}\n"
        out.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return wheel


def files_below(folder: pathlib.Path) -> list[Part]:
    files = sorted(f for f in folder.rglob("*") if f.is_file())
    return [(zipfile.ZipInfo.from_file(f, f.relative_to(folder).as_posix()), f.read_bytes()) for f in files]


def tag_of(folder: pathlib.Path) -> str:
    """For which Python and system: the extension's name tells."""
    names = [f.name for f in (folder / NAME).glob("_core.cpython-*.so")]
    at = re.fullmatch(r"_core\.cpython-(\d+)-(.*)\.so", names[0]) if len(names) == 1 else None
    if not at:
        raise SystemExit(f"{folder}: expected one extension of CPython; found {names}")
    machine = at[2].removesuffix("-linux-gnu")
    return f"cp{at[1]}-cp{at[1]}-" + ("macosx_14_0_arm64" if machine == "darwin" else f"linux_{machine}")


def staged(folder: pathlib.Path, metadata: pathlib.Path) -> tuple[list[Part], str]:
    """The parts and the tag of a wheel: a tree that `cmake --install --component python` made, METADATA and its kin."""
    tag = tag_of(folder)
    about = f"Wheel-Version: 1.0\nGenerator: corepulse\nRoot-Is-Purelib: false\nTag: {tag}\n"
    kin = [(e, c) for e, c in files_below(metadata.parent) if e.filename != f"{metadata.name}/WHEEL"]
    return [*files_below(folder), *kin, (zipfile.ZipInfo(f"{metadata.name}/WHEEL"), about.encode())], tag


def parts_of(wheel: pathlib.Path) -> tuple[list[Part], str]:
    """The same of a wheel that is there."""
    with zipfile.ZipFile(wheel) as file:
        parts = [(e, file.read(e)) for e in file.infolist() if not e.is_dir() and not e.filename.endswith(".dist-info/RECORD")]
    return parts, wheel.stem.split("-", 2)[2]


def asking_for(metadata: bytes, model: str, extra: str) -> bytes:
    """METADATA of the wheel without the model; for NVIDIA's GPUs it has a version and a dependency of its own."""
    metadata = metadata.replace(b"Requires-Dist:", f"Requires-Dist: {model}\nRequires-Dist:".encode(), 1)
    if extra.startswith("cuda"):
        head, body = metadata.split(b"\n\n", 1)
        head = re.sub(rb"(?m)^(Version: [^+\n]+)$", rb"\1+" + extra.encode(), head)
        head = head.replace(b"mlx[cpu]", f"mlx[{extra}]".encode()).replace(b"Provides-Extra: cpu", f"Provides-Extra: {extra}".encode())
        head = re.sub(rb"extra == (['\"])cpu['\"]", rb"extra == \1" + extra.encode() + rb"\1", head)
        metadata = head + b"\n\n" + body
    return metadata


def extra_of(parts: list[Part]) -> str:
    """By which of MLX's extras one asks for the half that the wheel was built for: cpu, cuda12, cuda13."""
    built = next(c for e, c in parts if e.filename == f"{NAME}/_built_for.py")
    return re.search(rb'COMPUTES = "mlx-([a-z0-9-]+)"', built)[1].decode().replace("-", "")


def model_alone(parts: list[Part], version: str, folder: pathlib.Path) -> pathlib.Path:
    """The wheel that puts the model into the package's folder. It serves all platforms."""
    info = f"{NAME}_model-{version}.dist-info"
    about = f"Metadata-Version: 2.1\nName: {NAME}-model\nVersion: {version}\nSummary: The built-in model of {NAME}\nLicense: MIT\n"
    tag = "Wheel-Version: 1.0\nGenerator: corepulse\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    own = [(zipfile.ZipInfo(f"{info}/METADATA"), about.encode()), (zipfile.ZipInfo(f"{info}/WHEEL"), tag.encode())]
    return write(folder / f"{NAME}_model-{version}-py3-none-any.whl", [*parts, *own], info)


def two_wheels(parts: list[Part], tag: str, folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """The wheel that depends on the model's, and that one: together they are more than package indices take."""
    about = next(e.filename for e, _ in parts if e.filename.endswith(".dist-info/METADATA"))
    version = about.split("-")[1].removesuffix(".dist")
    model = [p for p in parts if p[0].filename.startswith(MODELS)]
    extra = extra_of(parts)
    own = f"{version}+{extra}" if extra.startswith("cuda") else version
    rest = []
    for entry, content in parts:
        if entry.filename == about:
            content = asking_for(content, f"{NAME}-model=={version}", extra)
        if not entry.filename.startswith(MODELS):
            entry.filename = entry.filename.replace(f"{NAME}-{version}.dist-info/", f"{NAME}-{own}.dist-info/", 1)
            rest.append((entry, content))
    wheel = write(folder / f"{NAME}-{own}-{tag}.whl", rest, f"{NAME}-{own}.dist-info")
    return wheel, model_alone(model, version, folder)
