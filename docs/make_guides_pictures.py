"""Draws docs/guides.png and docs/guides/*.webp with the built-in model: what commands of guides.md make.

    python docs/make_guides_pictures.py build/bin/corepulse [led|read|style|layout ...]   # pillow
"""
import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

DOCS = pathlib.Path(__file__).resolve().parent
EDGES = str(DOCS.parent / "models/controlnets/edges.safetensors")
OBJECTS = str(DOCS.parent / "models/picture_prompts/objects.safetensors")
# The picture that leads: prompt and seed. Then what is drawn with another prompt and seed 3, plainly and led by it.
LED = [("a cat in the snow", 21, "a cat in a park"), ("a dog in the snow", 11, "a dog in a desert")]
USES = [None, "@ prepare canny 60 120", "@ prepare canny 60 120, strength 0.5", "@ prepare canny 60 120, sigma 15..3"]
# The picture that is read. Then what is drawn of the scenes with seed 3: the first without it, all with it.
READ = [("a sunflower in a room", 12), ("a lion on the beach", 11)]
SCENES = ["in a city", "on the beach", "in the snow"]
# A house, three times: plainly, and in the first one's style.
HOUSES = ["-p", "a house in a park", "--seed", "3,4,5"]
STYLES = [[], ["--share", "0 @ align, rows both"], ["--share", "0 @ fidelity 0.5, rows both"]]

# The picture whose layout another prompt takes over; that prompt, and for how long features and maps are the picture's.
HOUSE = ["-p", "a big house and a tree in the mountains", "--seed", "7", "--record", "f @ output:0.1, what features",
         "--record", "k @ output:0.2, output:1"]
CASTLE = ["-p", "a castle in the snow", "--seed", "4"]
LAYOUTS = [[], ["--features", "house-f.safetensors @ progress 0..0.8"],
           ["--features", "house-f.safetensors @ progress 0..0.8", "--share",
            "house-k.safetensors @ how map, rows both, progress 0..0.5"]]


class Program:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def __call__(self, *flags, name="new"):
        """@return the pictures, which lie in the folder until the next call."""
        done = subprocess.run([self.program, "generate", "-q", *flags, "-o", f"{name}.png", "--force"], cwd=self.folder,
                              check=True, capture_output=True, text=True)
        return [Image.open(f"{self.folder}/{file}").copy() for file in done.stdout.split() if file.endswith(".png")]

    def given(self, prompt, seed):
        """A picture that others are made from: given.png."""
        picture = self("-p", prompt, "--seed", str(seed))[0]
        picture.save(f"{self.folder}/given.png")
        return picture


def led(draw):
    def row(leading, seed, prompt):
        lead = draw.given(leading, seed)
        guides = [["--controlnet", f"{EDGES}=given.png {use}"] if use else [] for use in USES]
        return [lead, *(draw("-p", prompt, "--seed", "3", *guide)[0] for guide in guides)]

    return [row(*one) for one in LED]


def read(draw):
    def row(prompt, seed):
        shown, reads = draw.given(prompt, seed), ["--picture-prompt", f"{OBJECTS}=given.png"]
        plain = draw("-p", SCENES[0], "--seed", "3")
        return [shown, *plain, *(draw("-p", scene, "--seed", "3", *reads)[0] for scene in SCENES)]

    return [row(*one) for one in READ]


def style(draw):
    return [draw(*HOUSES, *share) for share in STYLES]


def layout(draw):
    return [draw(*HOUSE, name="house") + [draw(*CASTLE, *given)[0] for given in LAYOUTS]]


def save(rows, file):
    width, height = rows[0][0].size
    sheet = Image.new("RGB", (width * len(rows[0]), height * len(rows)))
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            sheet.paste(tile, (x * width, y * height))
    file.parent.mkdir(exist_ok=True)
    sheet.save(file, optimize=True) if file.suffix == ".png" else sheet.save(file, quality=85)


def main():
    sheets = {"led": (led, "guides.png"), "read": (read, "guides/read.webp"), "style": (style, "guides/style.webp"),
              "layout": (layout, "guides/layout.webp")}
    with tempfile.TemporaryDirectory() as folder:
        draw = Program(pathlib.Path(sys.argv[1]).resolve(), folder)
        for name in sys.argv[2:] or sheets:
            rows, file = sheets[name]
            save(rows(draw), DOCS / file)


if __name__ == "__main__":
    main()
