"""What README.md, the demo and CorePulse's own example promise is what the judge (models/judge) sees in the pictures."""
import collections
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models/judge"))
import vocabulary  # noqa: E402

PROGRAM, LOOK = (pathlib.Path(os.environ[name]).resolve() for name in ("COREPULSE", "COREPULSE_LOOK"))
SEEDS = list(range(int(os.environ.get("COREPULSE_SEEDS", "1"))))
TEN = list(range(10))
README = (ROOT / "README.md").read_text()
SIDE, LEAST = 16, 5  # cells of a picture's side; fewer cells of an object are a slip of the judge
LOOKS = [*vocabulary.EFFECTS, "ink"]


class Seen:
    """What the judge sees in one picture, in words: `object`, its `color`, `left`, `right`, `scene`, `look`."""

    def __init__(self, line):
        answer = json.loads(line)
        cells = answer["cells"]
        rows = [cells[y * SIDE:(y + 1) * SIDE] for y in range(SIDE)]
        self.object = self.most(cells)
        self.left, self.right = (self.most([c for row in rows for c in row[part]]) for part in
                                 (slice(0, SIDE // 2), slice(SIDE // 2, SIDE)))
        colors = collections.Counter(t for c, t in zip(cells, answer["tints"]) if c < vocabulary.NOTHING)
        self.color = vocabulary.TINTS[colors.most_common(1)[0][0]] if colors else "none"
        self.colorful = answer["colorful"]  # of the left and of the right half, 0 (grey) to 255
        self.scene, self.look = vocabulary.BACKGROUNDS[answer["scene"]], LOOKS[answer["look"]]

    @staticmethod
    def most(cells):
        counts = collections.Counter(c for c in cells if c < vocabulary.NOTHING)
        (what, count), = counts.most_common(1) or [(0, 0)]
        return vocabulary.NAMES[what][0] if count >= LEAST else "nothing"

    def __repr__(self):
        return f"{self.color} {self.object} ({self.left} | {self.right}), {self.scene}, {self.look}, {self.colorful}"


def shows(**facts):
    return lambda seen: all(getattr(seen, key) == value for key, value in facts.items())


# By the file that a command of README.md writes. Every command that draws has its promise here.
PROMISES = {
    "cat.png": shows(object="cat", scene="park"),
    "dog.png": shows(object="dog", scene="park"),
    "cars.png": shows(object="car", scene="beach"),
    "dragon.png": shows(object="dragon", scene="park"),
    "mine.png": shows(object="dragon", scene="park"),
    "snow.png": shows(object="cat", scene="snow"),
    "plainer.png": shows(object="cat", color="natural", scene="night"),
    "two.png": shows(left="owl", right="penguin", scene="garden"),
    "halves.png": shows(left="frog", right="robot", scene="garden"),
}
DEMO = {
    "3-content.png": shows(object="dragon", scene="park"),
    "4-composition.png": shows(object="cat", scene="desert"),
    "5-style.png": shows(object="cat", color="blue", look="pixel"),
    "6-masked.png": lambda seen: seen.object == "cat" and seen.scene not in vocabulary.SCENES,
    "7-region.png": lambda seen: seen.colorful[1] < 20 < 60 < seen.colorful[0],
}


class PromisesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_program(self, *arguments):
        done = subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def draw(self, name, seeds, *arguments):
        """@return what is seen in the pictures of one command, seed by seed."""
        self.run_program(*arguments, "--seed", ",".join(map(str, seeds)), "--quiet", "--force")
        stem = pathlib.Path(name).stem
        files = [name] if len(seeds) == 1 else [f"{stem}-{seed}.png" for seed in seeds]
        if len(seeds) > 1:  # a later command may start from it
            shutil.copy(self.folder / files[0], self.folder / name)
        done = subprocess.run([LOOK, *files], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [Seen(line) for line in done.stdout.splitlines()]

    def check(self, what, promise, seen):
        kept = sum(map(promise, seen))
        self.assertGreaterEqual(kept, len(seen) - len(seen) // 10, f"{what}: {seen}")  # nine of ten, one of one

    def test_the_readme_s_commands_show_what_they_say(self):
        blocks = re.findall(r"^```(sh|json)\n(.*?)^```", README, re.M | re.S)
        (self.folder / "recipe.json").write_text(next(text for language, text in blocks if language == "json"))
        commands = [shlex.split(line)[1:] for language, text in blocks if language == "sh"
                    for line in text.splitlines() if line.startswith("corepulse generate") and "--from" not in line]
        self.assertEqual({c[c.index("-o") + 1] for c in commands}, set(PROMISES))
        for command in commands:
            name = command[command.index("-o") + 1]
            with self.subTest(" ".join(command)):
                self.check(command, PROMISES[name], self.draw(name, SEEDS, *command))

    def test_corepulse_s_example_in_the_demo_draws_a_dragon_in_a_park_in_nine_of_ten_seeds(self):
        self.run_program("demo", "--steps", "1", "--quiet", "-o", "demo")
        example = "demo/2-corepulse.png"
        seen = self.draw("x.png", TEN, "generate", "--from", example, "--steps", "20", "-o", "x.png")
        self.check(example, shows(object="dragon", scene="park"), seen)

    def test_the_demo_s_other_pictures_show_what_their_labels_say(self):
        self.run_program("demo", "--steps", "1", "--quiet", "-o", "demo")
        for name, promise in DEMO.items():
            with self.subTest(name):
                seen = self.draw("x.png", SEEDS, "generate", "--from", f"demo/{name}", "--steps", "20", "-o", "x.png")
                self.check(name, promise, seen)

    def test_a_dragon_without_an_article_injected_into_a_cat_as_corepulse_writes_it_is_a_dragon(self):
        seen = self.draw("x.png", SEEDS, "generate", "-p", "a cat", "--steps", "30", "-o", "x.png", "--inject",
                         "dragon @ middle:0, mode corepulse, gain 2, sigma 15..0")
        self.check("dragon into a cat", shows(object="dragon"), seen)


if __name__ == "__main__":
    unittest.main()
