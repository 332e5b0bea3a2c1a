"""Draws docs/guides.png with the built-in model: what the commands of guides.md's "Try it" make.

    python docs/make_guides_picture.py build/bin/corepulse   # pillow
"""
import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

DOCS = pathlib.Path(__file__).resolve().parent
EDGES = str(DOCS.parent / "models/controlnets/edges.safetensors")
# The picture that leads: prompt and seed. Then what is drawn with another prompt and seed 3, plainly and led by it.
ROWS = [("a cat in the snow", 21, "a cat in a park"), ("a dog in the snow", 11, "a dog in a desert")]
USES = [None, "@ prepare canny 60 120", "@ prepare canny 60 120, strength 0.5", "@ prepare canny 60 120, sigma 15..3"]


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:

        def draw(prompt, seed, use=None):
            guide = ["--controlnet", f"{EDGES}=lead.png {use}"] if use else []
            subprocess.run([program, "generate", "-q", "-p", prompt, "--seed", str(seed), *guide, "-o", "new.png",
                            "--force"], cwd=folder, check=True)
            return Image.open(f"{folder}/new.png").copy()

        rows = []
        for leading, seed, prompt in ROWS:
            lead = draw(leading, seed)
            lead.save(f"{folder}/lead.png")
            rows.append([lead, *(draw(prompt, 3, use) for use in USES)])
    width, height = rows[0][0].size
    sheet = Image.new("RGB", (width * len(rows[0]), height * len(rows)))
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            sheet.paste(tile, (x * width, y * height))
    sheet.save(DOCS / "guides.png", optimize=True)


if __name__ == "__main__":
    main()
