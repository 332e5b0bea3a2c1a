"""Draws docs/lora.png with the built-in model: what the commands of lora.md's "Try it" make.

    python docs/make_lora_picture.py build/bin/corepulse   # pillow
"""
import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

DOCS = pathlib.Path(__file__).resolve().parent
BLUEPRINT = str(DOCS.parent / "models/loras/blueprint.safetensors")
TILES = [None, "1", "1 @ region left half feather 0.1", "1 @ output", "1 @ sigma 15..2"]


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        tiles = []
        for i, use in enumerate(TILES):
            lora = ["--lora", f"{BLUEPRINT}={use}"] if use else []
            subprocess.run([program, "generate", "-q", "-p", "a castle in the mountains", "--seed", "3", *lora, "-o",
                            f"{i}.png"], cwd=folder, check=True)
            tiles.append(Image.open(f"{folder}/{i}.png"))
        sheet = Image.new("RGB", (sum(tile.width for tile in tiles), tiles[0].height))
        for i, tile in enumerate(tiles):
            sheet.paste(tile, (i * tile.width, 0))
        sheet.save(DOCS / "lora.png", optimize=True)


if __name__ == "__main__":
    main()
