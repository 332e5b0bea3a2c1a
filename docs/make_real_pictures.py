"""Draws docs/real-pictures.png: a drawing that no model made, and what the commands of real-pictures.md make of it.

    python docs/make_real_pictures.py build/bin/corepulse   # pillow
"""
import pathlib
import subprocess
import sys
import tempfile

from PIL import Image, ImageDraw

DOCS = pathlib.Path(__file__).resolve().parent
SIDE, FINER = 256, 4


def drawing():
    """A house beside a tree, in flat colours."""
    image = Image.new("RGB", (SIDE * FINER, SIDE * FINER), (168, 214, 240))
    draw = ImageDraw.Draw(image)

    def at(*numbers):
        return [n * FINER for n in numbers]

    draw.ellipse(at(196, 20, 236, 60), fill=(255, 214, 82))
    draw.ellipse(at(-80, 150, 200, 330), fill=(126, 184, 92))
    draw.rectangle(at(0, 190, 256, 256), fill=(110, 170, 80))
    draw.rectangle(at(40, 150, 54, 212), fill=(122, 84, 58))
    draw.ellipse(at(8, 84, 86, 168), fill=(60, 130, 66))
    draw.rectangle(at(110, 128, 214, 212), fill=(236, 222, 190))
    draw.polygon(at(98, 132, 162, 78, 226, 132), fill=(178, 66, 56))
    draw.rectangle(at(150, 168, 176, 212), fill=(112, 74, 52))
    for x in (120, 184):
        draw.rectangle(at(x, 146, x + 22, 166), fill=(120, 170, 204))
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


INVERTED = ["-p", "a house in a park", "--init", "house.png", "--strength", "1", "--invert", "--sampler", "ddim", "--seed", "0,0",
            "--prompt-to-prompt"]
EDITS = {"castle": ["a castle in a park"], "snow": ["a house in the snow"], "night": ["a house at night"],
         "there": ["a castle in a park", "--repaint", "rect 0.36,0.2,0.56,0.65 feather 0.06"]}
ACROSS = 3


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        drawing().save(f"{folder}/house.png")
        for name, flags in EDITS.items():
            subprocess.run([program, "generate", "-q", *INVERTED, *flags, "-o", f"{name}.png"], cwd=folder, check=True)
        names = ["house", "castle-0", *(f"{name}-0-2" for name in EDITS)]
        tiles = [Image.open(f"{folder}/{name}.png").convert("RGB") for name in names]
        sheet = Image.new("RGB", (SIDE * ACROSS, SIDE * len(tiles) // ACROSS))
        for i, tile in enumerate(tiles):
            sheet.paste(tile, (i % ACROSS * SIDE, i // ACROSS * SIDE))
        sheet.save(DOCS / "real-pictures.png", optimize=True)


if __name__ == "__main__":
    main()
