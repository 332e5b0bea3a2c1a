"""Draws docs/from-a-picture.png with the built-in model: what the commands of from-a-picture.md make.

    python docs/make_from_a_picture.py build/bin/corepulse   # pillow
"""
import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

DOCS = pathlib.Path(__file__).resolve().parent
CAT = ["-p", "a cat in a park"]
DOG = ["-p", "a dog in a park", "--init", "cat.png"]
TILES = {"cat": CAT, "little": [*DOG, "--strength", "0.3"], "some": [*DOG, "--strength", "0.5"],
         "much": [*DOG, "--strength", "0.8"]}
ACROSS = 4


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        for name, flags in TILES.items():
            subprocess.run([program, "generate", "-q", *flags, "-o", f"{name}.png"], cwd=folder, check=True)
        tiles = [Image.open(f"{folder}/{name}.png") for name in TILES]
        side = tiles[0].width
        sheet = Image.new("RGB", (ACROSS * side, -(-len(tiles) // ACROSS) * side))
        for i, tile in enumerate(tiles):
            sheet.paste(tile, (i % ACROSS * side, i // ACROSS * side))
        sheet.save(DOCS / "from-a-picture.png", optimize=True)


if __name__ == "__main__":
    main()
