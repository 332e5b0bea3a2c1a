"""Recipes and pictures with files: found beside the recipe, known again by their digests, named without their folders."""
import json
import pathlib
import random
import shutil
import struct
import unittest
import zlib

from program_case import ProgramCase

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
MODEL = GOLDEN / "models" / "small"
SMALL = ["-p", "a cat in a park", "--steps", "1", "-W", "64", "-H", "64", "-q"]
INVALID, NOT_FOUND, BAD_FILE = 2, 3, 4


def grey_png(size, noise, seed=1):
    """Its upper half is dark, or noise that does not pack."""
    dice, rows = random.Random(seed), b""
    for y in range(size):
        rows += b"\0" + (dice.randbytes(size) if noise else bytes([40 if y < size / 2 else 255]) * size)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class PathsTest(ProgramCase):
    def text(self, name):
        return json.loads(self.run_program("inspect", name, "--json").stdout)

    def recipe(self, name, **fields):
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"version": 1, "prompt": "a cat in a park", "steps": 1, "width": 64, "height": 64,
                                    **fields}))

    def test_everything_a_recipe_names_lies_beside_it(self):
        (self.folder / "sub/masks").mkdir(parents=True)
        (self.folder / "sub/masks/m.png").write_bytes(grey_png(64, False))
        shutil.copytree(MODEL, self.folder / "sub/tiny")
        self.run_program("generate", *SMALL, "-m", "sub/tiny", "--record", "run", "--record", "f @ what features", "-o",
                         "sub/first.png")
        self.recipe("sub/r.json", model="tiny", controls=[
            {"kind": "share", "recording": "first-run.safetensors"}, {"kind": "features", "recording": "first-f.safetensors"},
            {"kind": "inject", "prompt": "a dragon", "region": {"shape": "picture", "file": "masks/m.png"}}])
        self.run_program("generate", "--recipe", "sub/r.json", "-q", "-o", "a.png")
        self.run_program("explain", "--recipe", "../sub/r.json", at="sub")
        self.run_program("generate", "--recipe", "r.json", "-q", "-o", "../b.png", at="sub")
        self.assertEqual(self.pixels("a.png"), self.pixels("b.png"))
        # What does not lie beside it is not looked for elsewhere.
        shutil.move(self.folder / "sub/masks", self.folder / "masks")
        error = self.run_program("explain", "--recipe", "sub/r.json", status=NOT_FOUND).stderr
        self.assertIn("sub/masks/m.png", error)

    def test_a_picture_repeats_itself_from_any_folder(self):
        (self.folder / "masks").mkdir()
        (self.folder / "masks/m.png").write_bytes(grey_png(256, True))  # too large for a recipe
        shutil.copytree(MODEL, self.folder / "tiny")
        self.run_program("generate", *SMALL, "-m", "tiny", "--region", "a dragon @ picture masks/m.png",
                         "-o", "out/deep/cat.png")
        recipe = self.text("out/deep/cat.png")["recipe"]
        self.assertEqual(recipe["model"], "../../tiny")
        region = recipe["controls"][0]["prompts"][0]["region"]
        self.assertEqual(region["file"], "../../masks/m.png")
        self.assertEqual(len(region["sha256"]), 64)
        self.run_program("generate", "--from", "deep/cat.png", "-q", "-o", "again.png", at="out")
        self.assertEqual(self.pixels("out/again.png"), self.pixels("out/deep/cat.png"))
        (self.folder / "masks/m.png").write_bytes(grey_png(256, True, 2))
        error = self.run_program("generate", "--from", "out/deep/cat.png", "-o", "x.png", status=BAD_FILE).stderr
        self.assertIn("SHA-256", error)
        self.assertFalse((self.folder / "x.png").exists())

    def test_words_from_files_are_found_from_any_folder_and_are_what_they_were(self):
        shutil.copytree(GOLDEN / "embeddings", self.folder / "words")
        shutil.copytree(GOLDEN / "models" / "sd1", self.folder / "tiny")
        listed = json.loads(self.run_program("models", "--embeddings", "words", "--json").stdout)["embeddings"]
        self.assertEqual([(row["word"], row["vectors"]) for row in listed], [("big_dog", 2), ("my-style", 1), ("redcat", 3)])
        self.run_program("generate", *SMALL, "-p", "a redcat", "-m", "tiny", "--embeddings", "words", "-o", "deep/cat.png")
        given = self.text("deep/cat.png")["recipe"]["embeddings"]
        self.assertEqual(given["folder"], "../words")
        self.assertEqual([word["name"] for word in given["files"]], ["redcat"])
        self.run_program("generate", "--from", "cat.png", "-q", "-o", "again.png", at="deep")
        self.assertEqual(self.pixels("deep/again.png"), self.pixels("deep/cat.png"))
        shutil.copy(self.folder / "words/my-style.safetensors", self.folder / "words/redcat.safetensors")
        error = self.run_program("generate", "--from", "deep/cat.png", "-o", "x.png", status=BAD_FILE).stderr
        self.assertIn("redcat.safetensors has the SHA-256", error)

    def test_a_small_mask_is_inside_the_picture(self):
        (self.folder / "m.png").write_bytes(grey_png(64, False))
        for name in ("cat.png", "cat.jpg"):
            self.run_program("generate", *SMALL, "--region", "a dragon @ picture m.png", "-o", name)
            self.assertNotIn("m.png", json.dumps(self.text(name)["recipe"]))
        (self.folder / "m.png").unlink()
        (self.folder / "elsewhere").mkdir()
        self.run_program("generate", "--from", "../cat.png", "-q", "-o", "b.png", at="elsewhere")
        self.assertEqual(self.pixels("elsewhere/b.png"), self.pixels("cat.png"))

    def test_masks_too_large_for_a_jpeg_together_are_refused_before_the_run(self):
        masks = []
        for i in range(3):
            (self.folder / f"m{i}.png").write_bytes(grey_png(150, True, i))
            masks += ["--region", f"a dragon @ picture m{i}.png"]
        self.assertIn("JPEG holds", self.run_program("generate", *SMALL, *masks, "-o", "a.jpg", status=INVALID).stderr)
        self.run_program("generate", *SMALL, *masks, "-o", "a.png")

    def test_the_line_of_other_tools_names_no_folder(self):
        shutil.copytree(MODEL, self.folder / "my, models: x")
        self.run_program("generate", *SMALL, "-m", self.folder / "my, models: x", "-o", "cat.png")
        line = self.text("cat.png")["text"]["parameters"]
        self.assertIn('Model: "my, models: x",', line)
        self.assertNotIn(str(self.folder), line)
        self.assertNotIn("Model hash", line)

    def test_a_model_whose_weights_changed_is_named_when_a_picture_is_repeated(self):
        shutil.copytree(MODEL, self.folder / "tiny")
        self.run_program("generate", *SMALL, "-m", "tiny", "-o", "cat.png")
        known = json.loads(self.run_program("inspect", "tiny", "--fingerprint", "--json").stdout)["fingerprint"]
        self.assertEqual(self.text("cat.png")["recipe"]["made_with"]["model"], known)
        self.assertNotIn("fingerprint", self.run_program("inspect", "tiny").stdout)
        weights = self.folder / "tiny/unet/diffusion_pytorch_model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
        error = self.run_program("generate", "--from", "cat.png", "-o", "again.png").stderr
        self.assertIn(f"model {known} there", error)


if __name__ == "__main__":
    unittest.main()
