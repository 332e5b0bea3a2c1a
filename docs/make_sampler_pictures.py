"""Draws docs/samplers.png with the built-in model: the same picture by several samplers, in few steps and in more.

    python docs/make_sampler_pictures.py build/bin/corepulse   # pillow
"""
import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

DOCS = pathlib.Path(__file__).resolve().parent
SAMPLERS = ["euler", "euler_a", "heun", "dpm_2", "dpmpp_2m", "dpmpp_2m_sde", "dpmpp_sde", "dpmpp_3m_sde", "unipc", "lms", "deis"]


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "sweep", "-q", "-p", "a castle in the mountains", "--seed", "3", "--schedule", "karras", "--axis",
                        f"sampler={','.join(SAMPLERS)}", "--axis", "steps=3,5,10,20", "-o", "sheet"], cwd=folder, check=True)
        sheet = Image.open(f"{folder}/sheet/sheet.png").convert("RGB")
        sheet.quantize(128).save(DOCS / "samplers.png", optimize=True)


if __name__ == "__main__":
    main()
