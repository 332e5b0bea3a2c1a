#!/usr/bin/env python3
"""Full-size SD1.5, SD2.1 and SDXL shapes with random weights: found out, loaded, run for one step, from a Diffusers
folder and from a single file with the original names; both must draw the same bits. Prints what it measured.

    full_test.py CLI FOLDER [sd15] [sd21] [sdxl]      FOLDER keeps the models (23 GB in all)
"""
import json
import os
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
FAMILIES = {"sd15": "sd1", "sd21": "sd2", "sdxl": "sdxl"}


def run(command):
    """Output, seconds and peak memory in GB of a program that must succeed."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"FAILED ({status}): {' '.join(command)}\n{output}")
    return output, time.monotonic() - start, usage.ru_maxrss / 1e6


def pixels(png):
    """The compressed pixels of a PNG, without the text beside them."""
    data, at, found = png.read_bytes(), 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IDAT":
            found += data[at + 8:at + 8 + size]
        at += size + 12
    return found


def check(cli, folder, name):
    drawn = []
    for model in (folder / name, folder / f"{name}.safetensors"):
        info = json.loads(run([cli, "inspect", str(model), "--json"])[0])
        if info["family"] != FAMILIES[name]:
            sys.exit(f"FAILED: {model} is taken for {info['family']}")
        picture = folder / f"{model.name}.png"
        output, seconds, memory = run([cli, "generate", "-m", str(model), "-p", "a cat", "-W", "256", "-H", "256",
                                       "--steps", "1", "--seed", "3", "-o", str(picture)])
        step = re.search(r"step 1 of 1, ([0-9.]+) s", output)
        print(f"{model.name:18} {info['family']:5} {info['parameters'] / 1e6:8.1f} M parameters  "
              f"whole run {seconds:6.1f} s  first step {step.group(1) if step else '?':>6} s  "
              f"peak {memory:5.1f} GB ({memory * 1e9 / (info['parameters'] * 4):.2f} x float32 weights)", flush=True)
        drawn.append(pixels(picture))
    if drawn[0] != drawn[1]:
        sys.exit(f"FAILED: folder and single file of {name} draw different pictures")
    print(f"{name}: folder and single file draw the same bits", flush=True)


def main():
    cli, folder, names = sys.argv[1], Path(sys.argv[2]), sys.argv[3:] or list(FAMILIES)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        subprocess.run([sys.executable, HERE / "make_full_models.py", folder, name], check=True)
        check(cli, folder, name)


if __name__ == "__main__":
    main()
