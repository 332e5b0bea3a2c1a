"""Draws docs/from-a-picture.png with the built-in model: what the commands of from-a-picture.md make.

    python docs/make_from_a_picture.py build/bin/corepulse   # pillow
"""
import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

DOCS = pathlib.Path(__file__).resolve().parent
DOG = ["-p", "a dog in a park", "--init", "cat.png", "--strength"]
FIRST = {"cat": ["-p", "a cat in a park"], "little": [*DOG, "0.3"], "some": [*DOG, "0.5"], "much": [*DOG, "0.8"]}
SECOND = {"owl": ["-p", "an owl in a park", "--init", "cat.png", "--strength", "0.9", "--repaint",
                  "circle 0.5,0.5,0.35 feather 0.1"],
          "snow": ["-p", "a cat in the snow", "--init", "cat.png", "--strength", "0.9", "--repaint",
                   "linear 0.3,0,0.7,0", "--soft", "strength"],
          "wider": ["-p", "a house in a park", "--init", "cat.png", "--strength", "1", "--grow", "0,0,256,0"]}
THIRD = {"small-owl": ["-p", "an owl in a park", "--init", "cat.png", "--strength", "0.9", "--repaint",
                       "circle 0.75,0.7,0.2 feather 0.05", "--only-masked", "24"],
         "large": ["-p", "a cat in a park", "--second-pass", "1.5x, strength 0.5"],
         "latent": ["-p", "a cat in a park", "--second-pass",
                    "384x384, strength 0.6, steps 12, upscale latent-bicubic"]}


def around_cat(picture):
    """256 pixels of a picture of 384."""
    return picture.crop((72, 104, 328, 360))


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for tiles in (FIRST, SECOND, THIRD):
            for name, flags in tiles.items():
                subprocess.run([program, "generate", "-q", *flags, "-o", f"{name}.png"], cwd=folder, check=True)
            rows.append([Image.open(f"{folder}/{name}.png") for name in tiles])
        owl, large, latent = rows[2]
        side = rows[0][0].height
        plain = rows[0][0].resize((384, 384), Image.Resampling.LANCZOS)
        rows[2] = [owl, *map(around_cat, (plain, large, latent))]
        sheet = Image.new("RGB", (sum(tile.width for tile in rows[0]), side * len(rows)))
        for y, row in enumerate(rows):
            x = 0
            for tile in row:
                sheet.paste(tile, (x, y * side))
                x += tile.width
        sheet.save(DOCS / "from-a-picture.png", optimize=True)


if __name__ == "__main__":
    main()
