"""The program `corepulse` as a user meets it: help, output, bad input, repeating, stopping."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.environ["COREPULSE"]
CAT = ["-p", "a cat in a park"]
QUICK = ["--steps", "2"]
INVALID, NOT_FOUND, CANCELLED = 2, 3, 8


class ProgramTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def run_program(self, *arguments, status=0):
        done = subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, status, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def files(self):
        return sorted(f.name for f in self.folder.iterdir())

    def test_every_help_teaches_with_examples(self):
        self.assertIn("corepulse demo", self.run_program("--help").stdout)
        for command in ("generate", "demo", "explain", "inspect", "models"):
            text = self.run_program(command, "--help").stdout
            self.assertIn("Examples:", text)
            self.assertLessEqual(max(map(len, text.splitlines())), 160, command)

    def test_version_names_program_and_mlx(self):
        self.assertRegex(self.run_program("--version").stdout, r"^corepulse \d+\.\d+\.\d+ \(MLX \d")

    def test_inspect_shows_blocks_for_people_and_programs(self):
        self.assertIn("output:0", self.run_program("inspect").stdout)
        info = json.loads(self.run_program("inspect", "builtin", "--json").stdout)
        self.assertIn("output:0", [block["id"] for block in info["blocks"]])

    def test_explain_is_quick_and_draws_nothing(self):
        start = time.monotonic()
        text = self.run_program("explain", *CAT, "--inject", "a dragon @ output:0").stdout
        self.assertLess(time.monotonic() - start, 1)
        self.assertIn("output:0", text)
        json.loads(self.run_program("explain", *CAT, "--inject", "a dragon @ output:0", "--json").stdout)
        self.assertEqual(self.files(), [])

    def test_models_lists_the_builtin_one_and_says_why_a_file_cannot_be_used(self):
        (self.folder / "bad.safetensors").write_bytes(b"nothing")
        rows = json.loads(self.run_program("models", self.folder, "--json").stdout)["models"]
        self.assertEqual(rows[0]["model"], "builtin")
        self.assertEqual(rows[-1]["error"]["code"], "bad_file")
        self.assertIn("builtin", self.run_program("models").stdout)

    def test_wrong_requests_fail_within_a_second_and_write_nothing(self):
        (self.folder / "taken").write_text("")
        (self.folder / "bad.json").write_text("{")
        wrong = [
            ([*CAT, "-W", "250"], INVALID), ([*CAT, "-H", "-8"], INVALID), ([*CAT, "-W", "80000000"], INVALID),
            ([*CAT, "--steps", "0"], INVALID), ([*CAT, "--steps", "x"], INVALID),
            ([*CAT, "--sampler", "oiler"], INVALID), ([*CAT, "--guidance", "nan"], INVALID),
            ([*CAT, "--guidance", "inf"], INVALID), ([*CAT, "--seed", "-1"], INVALID),
            (["-p", "x" * (16 * 1024 + 1)], INVALID), (["-p", b"\xff\xfe"], INVALID),
            ([*CAT, "-o", "cat.gif"], INVALID), ([*CAT, "-o", "taken/cat.png"], NOT_FOUND),
            ([*CAT, "-m", "no/such"], NOT_FOUND), ([*CAT, "-m", "none.safetensors"], NOT_FOUND),
            ([*CAT, "--recipe", "none.json"], NOT_FOUND), ([*CAT, "--recipe", "bad.json"], INVALID),
            ([*CAT, "--from", "none.png"], NOT_FOUND),
            ([*CAT, "--inject", "a dragon @ output:9"], INVALID), ([*CAT, "--reweight", "dog=2"], INVALID),
            ([*CAT, "--inject", "a dragon @ output:0, sigma 999..998"], INVALID),
            ([*CAT, "--stpes", "3"], INVALID), ([*CAT, "--dtype", "f64"], INVALID),
        ]
        before = self.files()
        for arguments, status in wrong:
            with self.subTest(arguments=[a[:40] for a in arguments]):
                start = time.monotonic()
                done = subprocess.run([PROGRAM, "generate", *arguments], cwd=self.folder, capture_output=True)
                self.assertLess(time.monotonic() - start, 1)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertTrue(done.stderr.splitlines()[-1].startswith(b"corepulse: "), done.stderr)
                self.assertEqual(self.files(), before)

    def test_an_error_is_json_when_asked(self):
        done = self.run_program("generate", *CAT, "--sampler", "oiler", "--json", status=INVALID)
        error = json.loads(done.stdout)["error"]
        self.assertEqual(error["code"], "invalid_request")
        self.assertIn("euler", error["message"])

    def test_a_picture_is_written_and_repeated_bit_for_bit(self):
        done = self.run_program("generate", *CAT, *QUICK, "--inject", "a dragon @ output:0", "-o", "a.png")
        self.assertEqual(done.stdout, "a.png\n")
        self.assertIn("step 2 of 2", done.stderr)
        self.run_program("generate", "--from", "a.png", "-o", "b.png", "-q")
        self.assertEqual((self.folder / "a.png").read_bytes(), (self.folder / "b.png").read_bytes())
        text = json.loads(self.run_program("inspect", "a.png", "--json").stdout)
        self.assertEqual(text["recipe"]["prompt"], "a cat in a park")

    def test_several_seeds_make_numbered_files_each_as_if_alone(self):
        out = self.run_program("generate", *CAT, *QUICK, "-s", "3,4", "-o", "x/cat.png", "--json", "-q").stdout
        self.assertEqual(json.loads(out)["files"], ["x/cat-1.png", "x/cat-2.png"])
        self.run_program("generate", *CAT, *QUICK, "-s", "4", "-o", "alone.png", "-q")
        self.assertEqual((self.folder / "x/cat-2.png").read_bytes(), (self.folder / "alone.png").read_bytes())

    def test_ctrl_c_stops_within_a_step_and_leaves_what_was_there(self):
        (self.folder / "cat.png").write_text("mine")
        running = subprocess.Popen([PROGRAM, "generate", *CAT, "--steps", "1000", "-o", "cat.png"],
                                   cwd=self.folder, stderr=subprocess.PIPE, text=True)
        while "step 1 of" not in running.stderr.readline():
            self.assertIsNone(running.poll())
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
        self.assertEqual(running.returncode, CANCELLED)
        self.assertEqual((self.folder / "cat.png").read_text(), "mine")
        self.assertEqual(self.files(), ["cat.png"])

    def test_the_demo_draws_a_sheet_and_its_pictures(self):
        done = self.run_program("demo", "--steps", "1", "-o", "sheet")
        self.assertIn("s per step", done.stderr)
        self.assertIn("output:0", done.stderr)
        names = sorted(f.name for f in (self.folder / "sheet").iterdir())
        self.assertEqual(names[0], "1-plain.png")
        self.assertEqual(names[-1], "demo.png")


if __name__ == "__main__":
    unittest.main()
