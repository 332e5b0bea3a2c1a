"""Draws docs/control/*.webp with the built-in model: what control.md says of some kinds.

    python docs/make_control_pictures.py build/bin/corepulse   # pillow
"""
import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

DOCS = pathlib.Path(__file__).resolve().parent
HOUSE, CASTLE = (f"a big {what} and a tree in the mountains" for what in ("house", "castle"))
TWO = ["-p", "a castle and a dragon in the mountains", "-s", "3"]
SNOW = ["-p", "a dragon and a penguin in the snow", "-s", "3", "-g", "1"]
EDIT = ["-p", HOUSE, "-s", "7,7", "--prompt-to-prompt", CASTLE]
BLEND = "0 @ progress 0.2..1, region not attention castle feather 0.1 * not attention house image 0 feather 0.1"
# Of each run, the pictures that are shown.
SHEETS = {
    "prompt-to-prompt": [(["-p", HOUSE, "-s", "7"], 0), (["-p", CASTLE, "-s", "7"], 0), (EDIT, 1)],
    "blend": [(["-p", HOUSE, "-s", "7"], 0), (EDIT, 1), ([*EDIT, "--blend", BLEND], 1)],
    "normalized-guidance": [(SNOW, 0), ([*SNOW, "--normalized-guidance", "a penguin @ scale 4"], 0),
                            ([*SNOW, "--normalized-guidance", "a dragon @ scale 4"], 0)],
    "guide-by": [([*TWO, "-g", "1"], 0), (TWO, 0), ([*TWO, "-g", "1", "--guide-by", "identity=3"], 0),
                 ([*TWO, "-g", "1", "--guide-by", "blur=2 @ coarse"], 0)],
}


def draw(program, flags, which):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([program, "generate", "-q", *flags, "-o", "picture.png"], cwd=folder, check=True,
                              capture_output=True, text=True)
        with Image.open(pathlib.Path(folder, done.stdout.split()[which])) as picture:
            return picture.convert("RGB")


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    (DOCS / "control").mkdir(exist_ok=True)
    for name, runs in SHEETS.items():
        tiles = [draw(program, *run) for run in runs]
        side = tiles[0].width
        sheet = Image.new("RGB", (len(tiles) * side, side))
        for i, tile in enumerate(tiles):
            sheet.paste(tile, (i * side, 0))
        sheet.save(DOCS / "control" / f"{name}.webp", quality=85)


if __name__ == "__main__":
    main()
