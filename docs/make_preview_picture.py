"""Draws docs/previews.png with the built-in model: what --preview shows on the way to a picture, and the picture.

    PYTHONPATH=build/python python docs/make_preview_picture.py   # pillow
"""
import pathlib

from PIL import Image

import corepulse

DOCS = pathlib.Path(__file__).resolve().parent
SIDE, SHOWN = 256, (1, 3, 5, 8)


def main():
    run = corepulse.Pipeline.from_pretrained("builtin").steps("a cat in a park", num_inference_steps=12)
    tiles = [view.preview for view in run if view.step in SHOWN] + [run.result.images[0]]
    sheet = Image.new("RGB", (SIDE * len(tiles), SIDE))
    for i, tile in enumerate(tiles):
        sheet.paste(tile.resize((SIDE, SIDE), Image.Resampling.NEAREST), (SIDE * i, 0))
    sheet.save(DOCS / "previews.png", optimize=True)


if __name__ == "__main__":
    main()
