"""What a composed picture can hold: objects, scenes, colours, styles, effects, in the order of the judge's answers."""
import json
import pathlib
import tarfile

SPRITES = pathlib.Path(__file__).resolve().parent.parent / "sprites"

COLORS = {
    "red": (220, 40, 40), "orange": (245, 140, 30), "yellow": (250, 215, 50), "green": (60, 170, 70),
    "blue": (50, 100, 225), "purple": (140, 70, 200), "pink": (245, 130, 180), "white": (245, 245, 245),
    "black": (40, 40, 45), "brown": (140, 90, 50),
}
SCENES = ["park", "garden", "beach", "desert", "snow", "night", "underwater", "space", "city", "forest", "room",
          "sunset", "mountains", "road"]
BACKGROUNDS = SCENES + [f"plain {color}" for color in COLORS] + ["none"]
STYLES = ["cartoon", "render", "flat", "icon", "ink"]
EFFECTS = ["none", "pixel", "bw", "sepia", "watercolor"]
TINTS = ["natural", *COLORS]  # of one object; natural: the drawing's own colours

_objects = json.loads((SPRITES / "objects.json").read_text())
SLUGS = [entry["slug"] for entry in _objects]
NAMES = [entry["names"] for entry in _objects]
NOTHING = len(SLUGS)  # the class of a cell without an object


def sprite_files():
    """{(object, style): PNG bytes} of all drawings."""
    files = {}
    with tarfile.open(SPRITES / "sprites.tar") as archive:
        for member in archive:
            if member.isfile():
                style, name = pathlib.PurePosixPath(member.name).parts[-2:]
                files[SLUGS.index(name.removesuffix(".png")), STYLES.index(style)] = archive.extractfile(member).read()
    return files
