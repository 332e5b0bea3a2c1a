"""Draws docs/guidance.png with the built-in model: strong guidance, plain and shaped, as guidance.md says.

    python docs/make_guidance_picture.py build/bin/corepulse   # pillow
"""
import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

DOCS = pathlib.Path(__file__).resolve().parent
ROWS = (("a red dragon in the snow", 3), ("a blue castle on the beach", 4))
COLUMNS = (["5"], ["12"], ["12", "--frequency-guidance", "4 12"], ["12", "--skimmed-guidance", "3"],
           ["12", "--thresholded-guidance", "4"], ["5", "--freeu", "1.3 1.4 0.9 0.2"])
SIDE = 256


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    sheet = Image.new("RGB", (SIDE * len(COLUMNS), SIDE * len(ROWS)))
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/drawn.png"
        for y, (prompt, seed) in enumerate(ROWS):
            for x, guidance in enumerate(COLUMNS):
                subprocess.run([program, "generate", "-q", "--force", "-p", prompt, "--seed", str(seed), "--guidance",
                                *guidance, "-o", file], check=True)
                sheet.paste(Image.open(file), (SIDE * x, SIDE * y))
    sheet.save(DOCS / "guidance.png", optimize=True)


if __name__ == "__main__":
    main()
