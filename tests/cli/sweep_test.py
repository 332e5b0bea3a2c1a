"""Sweeps of the program: pictures, table, sheets, shards, killed and gone on with; what docs/sweeps.md shows is right."""
import csv
import json
import pathlib
import re
import shlex
import signal
import subprocess
import time
import unittest

from program_case import PROGRAM, ProgramCase

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "sweeps.md").read_text()
MODEL = pathlib.Path(__file__).parents[1] / "golden" / "models" / "small"
SMALL = ["-m", MODEL, "-p", "a cat in a park", "--steps", "1", "-W", "64", "-H", "64", "--inject", "a dragon", "-q"]
AXES = ["--axis", "where=input:0,middle:0", "--axis", "strength=0.5,1"]


class SweepTest(ProgramCase):
    def rows(self, folder, without=()):
        with open(self.folder / folder / "cells.csv", newline="") as file:
            return [{k: v for k, v in row.items() if k not in without} for row in csv.DictReader(file)]

    def test_it_leaves_pictures_a_table_and_sheets_and_each_picture_repeats(self):
        printed = self.run_program("sweep", *SMALL, *AXES, "-o", "out").stdout.split()
        self.assertEqual(printed, ["out/cells.csv", "out/sheet.png", "out/sheet.html"])
        rows = self.rows("out")
        self.assertEqual([(row["where"], row["strength"]) for row in rows],
                         [("input:0", "0.5"), ("input:0", "1"), ("middle:0", "0.5"), ("middle:0", "1")])
        self.assertTrue(all(0 < float(row["difference"]) < 1 and float(row["ssim"]) < 1 for row in rows))
        self.assertEqual(len({row["plain"] for row in rows}), 1)
        lines = [json.loads(line) for line in (self.folder / "out/cells.jsonl").read_text().splitlines()]
        self.assertEqual(lines[2]["values"], {"where": "middle:0", "strength": 0.5})
        self.run_program("generate", "--from", "out/cells/000003.png", "-o", "again.png", "-q")
        self.assertEqual(self.pixels("out/cells/000003.png"), self.pixels("again.png"))

    def test_the_table_is_csv_whatever_texts_hold(self):
        texts = ['a cat, red', 'a "cat"', "a cat\nin a park", "a cat\r\n", '"', "a cat\u2028=1+1", ""]
        self.run_program("sweep", *SMALL, "--axis", f"prompt={json.dumps(texts)}", "-o", "out")
        rows = self.rows("out")
        self.assertEqual([row["prompt"] for row in rows], texts)
        self.assertEqual([json.loads(row["recipe"])["prompt"] for row in rows], texts)

    def test_shards_merged_are_the_whole(self):
        for i in range(2):
            self.run_program("sweep", *SMALL, *AXES, "-o", f"shards/{i}", "--shard", f"{i}/2")
        self.run_program("sweep", "--merge", "shards/0", "shards/1", "-o", "all")
        self.run_program("sweep", *SMALL, *AXES, "-o", "whole")
        self.assertEqual(self.rows("all", ["seconds"]), self.rows("whole", ["seconds"]))
        for name in ("sheet.png", "sheet.html", "cells/000002.png"):
            self.assertEqual((self.folder / "all" / name).read_bytes(), (self.folder / "whole" / name).read_bytes(), name)

    def test_cells_drawn_together_are_those_drawn_alone(self):
        self.run_program("sweep", *SMALL, *AXES, "--axis", "guidance=1,4", "-o", "alone", "--together", "1")
        self.run_program("sweep", *SMALL, *AXES, "--axis", "guidance=1,4", "-o", "together", "--together", "5")
        self.assertEqual(self.rows("together", ["seconds"]), self.rows("alone", ["seconds"]))
        for i in range(8):
            self.assertEqual(self.pixels(f"together/cells/{i:06}.png"), self.pixels(f"alone/cells/{i:06}.png"))

    def test_killed_it_goes_on(self):
        for steps in ("1", "30", "900"):  # as slow as this machine needs it, to be killed on the way
            out = f"out{steps}"
            command = [PROGRAM, "sweep", *SMALL, "--steps", steps, "--axis", "seed=1..6", "-o", out]
            with subprocess.Popen(command, cwd=self.folder) as process:
                while process.poll() is None and not list(self.folder.glob(f"{out}/cells/*.png")):
                    time.sleep(0.001)
                process.kill()
            if process.returncode == -signal.SIGKILL and len(list(self.folder.glob(f"{out}/cells/*.png"))) < 6:
                break
        self.run_program(*command[1:], status=2)  # it is not gone on with unasked
        self.run_program(*command[1:], "--resume")
        self.assertEqual([row["cell"] for row in self.rows(out)], list("012345"))
        self.run_program("sweep", *SMALL, "--axis", "seed=1..7", "-o", out, "--resume", status=2)

    def test_what_is_wrong_is_said_before_anything_is_drawn(self):
        for arguments, message in (
                (["--axis", "strength=0.5,7"], "strength 7"), (["--axis", "where=inptu:0"], "inptu"),
                (["--axis", "stpes=1,2"], "steps"), ([], "--axis"), (["--zip", "seed=1"], "--axis before it"),
                (["--axis", "seed=1..3", "--shard", "3/3"], "0/8")):
            self.assertIn(message, self.run_program("sweep", *SMALL, *arguments, "-o", "no", status=2).stderr)
            self.assertFalse((self.folder / "no").exists(), arguments)

    def test_a_random_seed_is_refused_where_several_calls_are_to_draw_one_sweep(self):
        for more in (["--shard", "0/2"], ["--resume"]):
            for command in (["sweep", *SMALL, *AXES], ["roles", "a cat", "a dog", "-m", MODEL, "-q"]):
                told = self.run_program(*command, "--seed", "random", *more, "-o", "no", status=2).stderr
                self.assertIn("[--seed] random", told)
                self.assertIn("expected a number", told)
                self.assertFalse((self.folder / "no").exists())
        self.run_program("sweep", *SMALL, *AXES, "--seed", "random", "--dry-run")
        self.run_program("sweep", *SMALL, *AXES, "--seed", "random", "--seed", "3", "--resume", "--dry-run")

    def test_lists_of_prompts_come_from_a_file(self):
        (self.folder / "prompts.txt").write_text("a cat, red\r\n\na dog\n")
        cells = json.loads(self.run_program("sweep", "--axis", "prompt=@prompts.txt", "--dry-run", "--json").stdout)
        self.assertEqual([cell["recipe"]["prompt"] for cell in cells["cells"]], ["a cat, red", "a dog"])

    def test_roles_are_a_row_a_block_and_a_column_a_part_of_the_run(self):
        cells = json.loads(self.run_program("roles", "a cat", "a dog", "--dry-run", "--json").stdout)["cells"]
        blocks = {cell["labels"][0] for cell in cells}
        self.assertLessEqual({"middle:0", "output:0", "all"}, blocks)
        self.assertEqual(len(cells), 4 * len(blocks))
        self.assertFalse((self.folder / "roles").exists())

    def test_roles_have_the_blocks_of_their_model_and_windows_that_make_up_the_run(self):
        for model in (MODEL, MODEL.parent / "sdxl"):
            cells = json.loads(self.run_program("roles", "a cat", "a dog", "-m", model, "-s", "7", "--dry-run", "--json").stdout)["cells"]
            told = json.loads(self.run_program("inspect", model, "--json").stdout)
            reading = [block["id"] for block in told["blocks"] if block["cross_layers"]]
            self.assertEqual([cell["labels"][0] for cell in cells], [block for block in [*reading, "all"] for _ in range(4)])
            for i, cell in enumerate(cells):
                recipe, control = cell["recipe"], cell["recipe"]["controls"][0]
                self.assertEqual((recipe["prompt"], recipe["seeds"], recipe["model"]), ("a cat", [7], str(model)))
                self.assertEqual((control["kind"], control["prompt"], control.get("where", "all")), ("inject", "a dog", cell["labels"][0]))
                if i % 4 == 3:
                    self.assertNotIn("when", control)
            (most, a), (b, c), (d, none) = (cell["recipe"]["controls"][0]["when"]["sigma"] for cell in cells[:3])
            self.assertEqual((a, c, none), (b, d, 0))
            self.assertGreaterEqual(most, told["sigma_max"])

    def test_what_the_page_shows_is_right(self):
        lines = [line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S) for line in block.splitlines()]
        specs = re.findall(r"^```json\n(.*?)^```", PAGE, re.M | re.S)
        self.assertTrue(lines and specs)
        for line in lines:
            self.run_program(*shlex.split(line.removeprefix("corepulse ")), "--dry-run")
        for spec in specs:
            (self.folder / "spec.json").write_text(spec)
            self.assertIn("72 cells", self.run_program("sweep", "spec.json", "--dry-run").stdout)


if __name__ == "__main__":
    unittest.main()
