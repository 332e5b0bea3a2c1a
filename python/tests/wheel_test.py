"""What examines wheels (python/wheel) finds every fault that was put into one, and none in a good one; how they are made."""
import hashlib
import os
import pathlib
import struct
import subprocess
import sys
import zipfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "wheel"))
import binaries  # noqa: E402
import examine  # noqa: E402
import make  # noqa: E402
import pack  # noqa: E402

MARK = b"\0nanobind_system_libstdcpp_gxx_abi_1xxx_use_cxx11_abi_1_a1_v22\0"


def elf(needed, rpath, machine=183):
    """A library that asks for these."""
    strings, entries = b"\0", []
    for tag, value in [*((1, n) for n in needed), (29, rpath)]:
        entries.append((tag, len(strings)))
        strings += value.encode() + b"\0"
    start = 64 + 2 * 56
    entries += [(5, 0x10000 + start), (0, 0)]
    dynamic = b"".join(struct.pack("<qQ", *e) for e in entries)
    size = start + len(strings) + len(dynamic)
    header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 4, 0, 0x10000, 0x10000, size, size, 4096)
    where = start + len(strings)
    return header + load + struct.pack("<IIQQQQQQ", 2, 4, where, 0x10000 + where, 0, len(dynamic), len(dynamic), 8) + strings + dynamic


def macho(needed, rpath, minimum=14, signed=True):
    def named(command, text, fields):
        data = text.encode() + b"\0"
        data += bytes(-(len(fields) + 12 + len(data)) % 8)
        return struct.pack("<III", command, 12 + len(fields) + len(data), 12 + len(fields)) + fields + data

    commands = [named(0xC, n, bytes(12)) for n in needed] + [named(0x8000001C, rpath, b"")]
    commands.append(struct.pack("<IIIIII", 0x32, 24, 1, minimum << 16, 0, 0))
    end = 32 + sum(map(len, commands)) + 16
    commands.append(struct.pack("<IIII", 0x1D, 16, end, 0))
    data = struct.pack("<IIIIIIII", 0xFEEDFACF, 0x0100000C, 0, 6, len(commands), end - 32, 0, 0) + b"".join(commands)
    digest = hashlib.sha256(data if signed else b"another").digest()
    directory = struct.pack(">IIIIIIIIIBBBB", 0xFADE0C02, 0, 0, 0, 40, 40, 0, 1, end, 32, 2, 0, 12) + digest
    return data + struct.pack(">IIIII", 0xFADE0CC0, 20 + len(directory), 1, 0, 20) + directory


def tree(folder, system="linux", computes="mlx-cpu"):
    """The least that a package is."""
    linux = system == "linux"
    end = ("lib", "so") if linux else ("@rpath/lib", "dylib")
    up = "$ORIGIN" if linux else "@loader_path"
    made = elf if linux else macho
    basic = "libc.so.6" if linux else "/usr/lib/libSystem.B.dylib"
    library = "libcorepulse.so.0" if linux else "libcorepulse.0.dylib"
    ours = library if linux else f"@rpath/{library}"
    module = "_core.cpython-311-" + ("aarch64-linux-gnu.so" if linux else "darwin.so")
    share = "share/corepulse"
    files = {
        module: made([ours, basic], f"{up}/lib") + MARK,
        f"lib/{library}": made([f"{end[0]}mlx.{end[1]}", basic], f"{up}/../../mlx/lib"),
        "bin/corepulse": made([ours, basic], f"{up}/../lib"),
        "_built_for.py": f'MLX = "0.32.4"\nCOMPUTES = "{computes}"\n'.encode(),
        f"{share}/data/clip/bpe_simple_vocab_16e6.txt.gz": b"words", f"{share}/recipes/index.json": b"{}",
        f"{share}/models/builtin/model.json": b"{}", "_core.pyi": b"", "py.typed": b"", "controls.py": b"",
    }
    for name, content in files.items():
        (folder / "corepulse" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "corepulse" / name).write_bytes(content)
    (folder / "corepulse/bin/corepulse").chmod(0o755)


def metadata(folder):
    info = folder / "corepulse-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        'Metadata-Version: 2.4\nName: corepulse\nVersion: 0.1.0\nRequires-Dist: mlx[cpu]==0.32.4; sys_platform == "linux"\n'
        'Requires-Dist: mlx==0.32.4; sys_platform == "darwin"\nProvides-Extra: cpu\n'
        'Requires-Dist: mlx[cpu]==0.32.4; sys_platform == "linux" and extra == "cpu"\n\nmlx[cpu] in the text\n')
    return info


def made(folder, system="linux", computes="mlx-cpu", change=lambda tree: None):
    """A wheel as make.py makes it, of a tree that `change` may spoil. auditwheel's renaming stands in for it."""
    tree(folder / "stage", system, computes)
    change(folder / "stage" / "corepulse")
    parts, tag = pack.staged(folder / "stage", metadata(folder / "metadata"))
    manylinux = tag.replace("linux_", "manylinux_2_35_")
    parts = [(e, c.replace(tag.encode(), manylinux.encode()) if e.filename.endswith("/WHEEL") else c) for e, c in parts]
    return pack.two_wheels(parts, manylinux, folder)


@pytest.mark.parametrize("system, computes, name", [
    ("linux", "mlx-cpu", "corepulse-0.1.0-cp311-cp311-manylinux_2_35_aarch64.whl"),
    ("linux", "mlx-cuda-13", "corepulse-0.1.0+cuda13-cp311-cp311-manylinux_2_35_aarch64.whl"),
    ("macos", "mlx-metal", "corepulse-0.1.0-cp311-cp311-macosx_14_0_arm64.whl"),
])
def test_a_wheel_and_its_models_are_as_their_names_say(system, computes, name, tmp_path):
    wheel, model = made(tmp_path, system, computes)
    assert (wheel.name, model.name) == (name, "corepulse_model-0.1.0-py3-none-any.whl")
    assert examine.complaints(wheel, MARK) == [] and examine.complaints(model) == []
    with zipfile.ZipFile(wheel) as file:
        said = file.read(next(n for n in file.namelist() if n.endswith("/METADATA"))).decode()
    assert "Requires-Dist: corepulse-model==0.1.0\n" in said and said.endswith("\nmlx[cpu] in the text\n")
    assert said.count("mlx[cuda13]") == (2 if "cuda" in computes else 0)
    assert ('extra == "cuda13"' in said, 'extra == "cpu"' in said) == (("cuda" in computes), "cuda" not in computes)


def test_pips_wheel_becomes_the_same_two(tmp_path):
    wheel, model = made(tmp_path)
    tree(tmp_path / "stage")
    parts, tag = pack.staged(tmp_path / "stage", tmp_path / "metadata/corepulse-0.1.0.dist-info")
    raw = pack.write(tmp_path / f"corepulse-0.1.0-{tag}.whl", parts, "corepulse-0.1.0.dist-info")
    (tmp_path / "two").mkdir()
    read, named = pack.parts_of(raw)
    assert named == tag == "cp311-cp311-linux_aarch64"
    again = pack.two_wheels(read, named, tmp_path / "two")
    with zipfile.ZipFile(again[0]) as theirs, zipfile.ZipFile(wheel) as ours:
        assert sorted(theirs.namelist()) == sorted(ours.namelist())
        assert theirs.getinfo("corepulse/bin/corepulse").external_attr >> 16 & 0o111
    assert examine.complaints(again[1]) == []


FAULTS = [
    ("linux", "lib/libcorepulse.so.0", elf(["libmlx.so", "libfmt.so.9"], "$ORIGIN/../../mlx/lib"), "does not find libfmt.so.9"),
    ("linux", "lib/libcorepulse.so.0", elf(["libmlx.so"], "$ORIGIN"), "does not find libmlx.so"),
    ("linux", "lib/libcorepulse.so.0", elf(["libmlx.so"], "/home/me/mlx:$ORIGIN/../../mlx/lib"), "looks for libraries in /home/me/mlx"),
    ("linux", "lib/libcorepulse.so.0", elf(["libmlx.so"], "$ORIGIN/../../mlx/lib", 62), "for linux on x86_64"),
    ("linux", "lib/libcorepulse.so.0", b"\x7fELF\2\1", "cut off or broken"),
    ("linux", "_built_for.py", b'MLX = "0.32.3"\nCOMPUTES = "mlx-cpu"\n', "does not ask for mlx[cpu]==0.32.3"),
    ("linux", "_built_for.py", b'MLX = "0.32.4"\nCOMPUTES = "mlx-metal"\n', "built for mlx-metal, and for linux"),
    ("macos", "bin/corepulse", macho(["@rpath/libcorepulse.0.dylib"], "@loader_path/../lib", 15), "for macOS 15.0"),
    ("macos", "bin/corepulse", macho(["@rpath/libcorepulse.0.dylib"], "@loader_path/../lib", signed=False), "its signature is"),
    ("macos", "bin/corepulse", macho(["/opt/homebrew/lib/libfmt.dylib"], "@loader_path/../lib"), "does not find /opt/homebrew"),
]


@pytest.mark.parametrize("system, name, content, complaint", FAULTS, ids=[f"{f[1]}: {f[3]}" for f in FAULTS])
def test_a_fault_is_named(system, name, content, complaint, tmp_path):
    def spoil(package):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_bytes(content)

    found = examine.complaints(made(tmp_path, system, "mlx-cpu" if system == "linux" else "mlx-metal", spoil)[0])
    assert any(complaint in f for f in found), found


@pytest.mark.parametrize("name", ["_core.pyi", "py.typed", "bin/corepulse", "lib/libcorepulse.so.0"])
def test_what_lacks_is_named(name, tmp_path):
    found = examine.complaints(made(tmp_path, change=lambda package: (package / name).unlink())[0])
    assert any(f"without corepulse/{name}" in f for f in found), found


def test_names_versions_and_marks_that_do_not_agree_are_named(tmp_path):
    wheel, _ = made(tmp_path, change=lambda package: (package / "bin/corepulse").chmod(0o644))
    assert examine.complaints(wheel) == ["corepulse/bin/corepulse may not be run"]
    assert "shares no arrays" in examine.complaints(wheel, MARK.replace(b"v22", b"v23"))[-1]
    newer = wheel.rename(wheel.with_name(wheel.name.replace("2_35", "2_39")))
    assert ["WHEEL says" in f or "the tag manylinux_2_39" in f for f in examine.complaints(newer)][:2] == [True, True]
    with zipfile.ZipFile(newer, "a") as file:
        file.writestr("corepulse/more.py", "")
    assert "RECORD: corepulse/more.py is not in it" in examine.complaints(newer)


def test_a_real_library_is_read(program):
    """The program of this build, beside what the system's own tool says of it."""
    found = binaries.read(pathlib.Path(program).read_bytes())
    assert found.system == ("macos" if sys.platform == "darwin" else "linux")
    assert any("corepulse" in n for n in found.needed)
    if sys.platform == "linux":
        said = subprocess.run(["readelf", "-dW", program], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout
        assert found.needed == [line.split("[")[1].rstrip("]") for line in said.splitlines() if "(NEEDED)" in line]
    else:
        assert found.is_signed


def test_pyconfig_for_macs_answers_this_pythons_headers():
    import sysconfig

    headers = sysconfig.get_path("include")
    if not (pathlib.Path(headers) / "Python.h").is_file():
        pytest.skip("this Python has no headers")
    cross = pathlib.Path(__file__).parent.parent.parent / "cmake/cross"
    command = [sys.executable, cross / "check_pyconfig.py", cross / "macos_pyconfig.h", headers]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_what_readme_says_of_wheels_is_tried_out(tmp_path, monkeypatch):
    readme = (pathlib.Path(__file__).parents[2] / "README.md").read_text()
    assert "pip install corepulse-*.whl corepulse_model-*.whl\ncorepulse demo\n" in readme
    done = []
    monkeypatch.setattr(make, "run", lambda *command, **options: done.append(([str(c) for c in command], options.get("env"))))
    monkeypatch.setattr(make.venv, "create", lambda folder, with_pip: done.append(folder))
    told = make.try_out(["corepulse-0.1.0-x.whl", "corepulse_model-0.1.0-y.whl"], tmp_path)
    commands = [command for command, _ in done[1:]]
    assert commands[0][:4] == [str(tmp_path / "bin/python"), "-m", "pip", "install"]
    assert commands[0][-2:] == ["corepulse-0.1.0-x.whl", "corepulse_model-0.1.0-y.whl"] and "demo" in told
    assert [str(tmp_path / "bin/corepulse"), "demo"] in [command[:2] for command in commands]
    assert all(env["PATH"] == "/nonexistent" for _, env in done[2:])
