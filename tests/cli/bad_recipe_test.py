"""Wrong recipes: an error before the run that names field and remedy, and files left as they were."""
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest
import zlib

PROGRAM = os.environ["COREPULSE"]
INVALID, NOT_FOUND, BAD_FILE = 2, 3, 4
RECTANGLE = {"shape": "rectangle", "box": [0, 0, 0.5, 1]}


def inject(**fields):
    return {"kind": "inject", "prompt": "a dragon", **fields}


def reweight(**fields):
    return {"kind": "reweight", "phrase": "cat", "scale": 2, **fields}


def png(width, height):
    """A white picture of one bit a pixel, without holding its rows."""
    row, packer = b"\0" + b"\xff" * (width // 8), zlib.compressobj(9)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


class BadRecipeTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        (self.folder / "out.png").write_text("mine")

    def generate(self, recipe):
        text = recipe if isinstance(recipe, str) else json.dumps({"version": 1, "prompt": "a cat in a park", **recipe})
        (self.folder / "recipe.json").write_text(text)
        before = sorted(self.folder.iterdir())
        command = [PROGRAM, "generate", "--recipe", "recipe.json", "--steps", "20", "-o", "out.png", "-q"]
        running = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = running.stdout.read(), running.stderr.read()  # a line or two: no pipe fills
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        running.stdout.close(), running.stderr.close()
        done = subprocess.CompletedProcess(command, running.returncode, out, err)
        self.megabytes = usage.ru_maxrss / 1024
        self.assertEqual(sorted(self.folder.iterdir()), before)
        return done

    def refused(self, recipe, *parts, status=INVALID):
        """`recipe` (or a list of controls) ends in one line that holds all `parts`, and writes nothing."""
        with self.subTest(parts[0]):
            done = self.generate({"controls": recipe} if isinstance(recipe, list) else recipe)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertEqual(done.stdout, "")
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            for part in parts:
                self.assertIn(part, done.stderr)
            self.assertEqual((self.folder / "out.png").read_text(), "mine")

    def test_phrases_that_are_not_in_the_prompt(self):
        self.refused([reweight(phrase="dog")], "[controls[0]]", '"dog" is in no prompt', '"a cat in a park"')
        self.refused([inject(), {"kind": "mask_tokens", "phrase": "dog"}], "[controls[1]]", '"a dragon"')
        self.refused([reweight(occurrence=2)], '"cat" (occurrence 2)', "a cat in a park")
        self.refused([{"kind": "capture", "phrase": "dog"}], "[controls[0]]", '"dog"')

    def test_blocks_that_do_not_exist(self):
        self.refused([inject(where="output:9")], "[controls[0].where]", '"output:9"', "output:2")
        self.refused([inject(where="middle:0, down_blocks.7")], "down_blocks.7", "down_blocks.2")
        self.refused([inject(where="ldm:input_99")], "ldm:input_99", "ldm:input_")
        self.refused([inject(where="grid:17")], "grid:17", "grid:16")
        self.refused([inject(heads=[99])], "[controls[0].heads[0]] head 99", "heads 0..")
        self.refused([inject(images=[3])], "[controls[0].images[0]] image 3", "images are 0..0")

    def test_windows_that_meet_no_step(self):
        self.refused([inject(when={"steps": [30, 40]})], "[controls[0].when] steps 30..40", "steps 0..19")
        self.refused([inject(when={"steps": [5, 5]})], "[controls[0].when]", "steps")
        self.refused([inject(when={"sigma": [999, 998]})], "[controls[0].when] sigma", "14.6")
        self.refused([inject(when={"sigma": [1, 5]})], "[controls[0].when]")
        self.refused([inject(when={"progress": [0.51, 0.52]})], "[controls[0].when]", "progress")
        self.refused([inject(when={"percent": [2, 3]})], "[controls[0].when]", "percent")

    def test_masks_that_are_zero_everywhere(self):
        outside = {"shape": "rectangle", "box": [2, 2, 1, 1]}
        self.refused([inject(region=outside)], "[controls[0].region] the region is empty", "expected some of the")
        self.refused([inject(region={"shape": "multiply", "parts": [RECTANGLE, outside]})], "the region is empty")
        self.refused([{"kind": "attend", "scale": 2, "target": outside}], "[controls[0].target]")
        self.refused([{"kind": "regions", "prompts": [{"prompt": "x", "region": outside}]}],
                     "[controls[0].prompts[0].region]")
        (self.folder / "white.png").write_bytes(png(64, 64))
        inverted = {"shape": "picture", "file": "white.png", "invert": True}
        self.refused([inject(region=inverted)], "[controls[0].region] the region is empty")

    def test_numbers_that_are_none(self):
        for number in ("NaN", "Infinity", "-Infinity", "1e999", '"nan"', "null"):
            for field in ("strength", "gain_k", "gain_v"):
                self.refused('{"version": 1, "prompt": "a cat", "controls": [{"kind": "inject", "prompt": "x", "%s": %s}]}'
                             % (field, number), "recipe" if number[0] in "NI-1" else f"[controls[0].{field}]")
        self.refused([inject(strength=1.5)], "[controls[0].strength] 1.5; expected 0..1")
        self.refused([inject(strength=[[0.5, 1], [0.2, 1]])], "[controls[0].strength] progress 0.2 after 0.5")
        self.refused([reweight(scale=-1)], "[controls[0].scale] -1; expected 0 or more")
        self.refused([{"kind": "temperature", "value": 0}], "[controls[0].value] 0; expected more than 0")
        self.refused([reweight(scale=0, phrase="")], "[controls[0].phrase]")
        self.refused([{"kind": "value_gain", "phrase": "cat", "gain": 1e300}], "too large; use smaller ones")

    def test_too_many_controls(self):
        self.refused([reweight()] * 10001, "[controls] 10001 controls; expected at most 10000")
        pile = [inject(prompt=f"text {i}", strength=0.01) for i in range(10000)]
        self.refused(pile, "[controls] more than 64 readings", "use fewer")
        self.assertLess(self.megabytes, 1000)

    def test_regions_of_20000_pixels(self):
        (self.folder / "mask.png").write_bytes(png(20000, 20000))
        huge = {"shape": "picture", "file": "mask.png"}
        self.refused([inject(region=huge)], "[controls[0].region]", "mask.png: 20000 x 20000 pixels; expected at most", status=BAD_FILE)
        self.assertLess(self.megabytes, 300)
        beyond = {"shape": "rectangle", "box": [10000, 0, 20000, 20000], "unit": "pixel"}
        self.refused([inject(region=beyond)], "[controls[0].region] the region is empty")
        self.assertLess(self.megabytes, 300)
        self.refused({"width": 20000, "height": 20000}, "width is 20000", "8192")

    def test_unknown_names_show_the_nearest(self):
        self.refused({"promt": "x"}, '"promt"', "(did you mean prompt?)")
        self.refused([inject(strenght=1)], "[controls[0]]", '"strenght"', "(did you mean strength?)")
        self.refused([{"kind": "injekt", "prompt": "x"}], "[controls[0].kind]", "(did you mean inject?)")
        self.refused([inject(when={"sigmas": [1, 0]})], "[controls[0].when]", "(did you mean sigma?)")
        self.refused([inject(region={**RECTANGLE, "unit": "pixels"})], "[controls[0].region.unit]",
                     "(did you mean pixel?)")
        self.refused([inject(region={"shape": "circel"})], "[controls[0].region.shape]", "(did you mean circle?)")
        self.refused([inject(rows="all")], "[controls[0].rows]", "cond, uncond, both")
        self.refused([inject(mode="comfyui")], "[controls[0].mode]", "(did you mean comfy?)")
        self.refused({"sampler": "oiler"}, "[sampler]", "euler")
        self.refused({"dtype": "f33"}, "[dtype]", "f32")

    def test_what_is_no_recipe(self):
        self.refused("{", "[recipe] not valid JSON")
        self.refused("[]", "expected an object")
        self.refused('{"version": 2}', "[version] 2", "update it")
        self.refused('{"version": 1, "version": 1}', "version")
        self.refused([inject(region={"shape": "picture", "file": "none.png"})], "none.png", status=NOT_FOUND)
        self.refused([{"kind": "guidance", "scale": 3, "where": "all"}], "[controls[0]", "where")
        self.refused([reweight(mode="comfy")], "[controls[0].mode]", "expected inject")


if __name__ == "__main__":
    unittest.main()
