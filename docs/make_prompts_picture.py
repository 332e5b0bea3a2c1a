"""Draws docs/prompts.png with the built-in model: what prompts in A1111's syntax make, as in prompts.md.

    python docs/make_prompts_picture.py build/bin/corepulse   # pillow
"""
import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

DOCS = pathlib.Path(__file__).resolve().parent
ROWS = (("a red cat in a park", "a (red:0.3) cat in a park", "a [red|blue] cat in a park",
         "a cat in a park BREAK pixel art of a blue cat"),
        ("a house in a park", "a castle in a park", "a [house:castle:0.4] in a park",
         "a cat in a park AND a cat at night :0.6"))
SIDE = 256


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    sheet = Image.new("RGB", (SIDE * len(ROWS[0]), SIDE * len(ROWS)))
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/drawn.png"
        for y, row in enumerate(ROWS):
            for x, prompt in enumerate(row):
                subprocess.run([program, "generate", "-q", "--force", "--syntax", "a1111", "-p", prompt, "-o", file],
                               check=True)
                sheet.paste(Image.open(file), (SIDE * x, SIDE * y))
    sheet.save(DOCS / "prompts.png", optimize=True)


if __name__ == "__main__":
    main()
