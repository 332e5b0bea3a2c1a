"""The program `corepulse` as a user meets it: help, output, bad input, repeating, stopping."""
import contextlib
import fcntl
import json
import math
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import termios
import time
import unittest

from program_case import PROGRAM, ProgramCase

MODEL = pathlib.Path(__file__).parents[2] / "models" / "builtin"
CAT = ["-p", "a cat in a park"]
QUICK = ["--steps", "2"]
INVALID, NOT_FOUND, STOPPED = 2, 3, 130


class ProgramTest(ProgramCase):
    def files(self):
        return sorted(f.name for f in self.folder.iterdir())

    def test_every_help_teaches_with_examples(self):
        self.assertIn("corepulse demo", self.run_program("--help").stdout)
        for command in ("generate", "demo", "explain", "inspect", "models", "sweep", "roles", "doctor"):
            text = self.run_program(command, "--help").stdout
            self.assertIn("Examples:", text)
            self.assertLessEqual(max(map(len, text.splitlines())), 160, command)

    def test_version_names_program_and_mlx(self):
        self.assertRegex(self.run_program("--version").stdout, r"^corepulse \d+\.\d+\.\d+ \(MLX \d")

    def test_inspect_shows_blocks_for_people_and_programs(self):
        self.assertIn("output:0", self.run_program("inspect").stdout)
        info = json.loads(self.run_program("inspect", "builtin", "--json").stdout)
        self.assertIn("output:0", [block["id"] for block in info["blocks"]])

    def test_inspect_knows_a_picture_by_its_bytes_whatever_its_name(self):
        picture = sorted((pathlib.Path(__file__).parents[1] / "golden" / "pictures").glob("*.jpg"))[0]
        for name in ("p.jfif", "p"):
            (self.folder / name).write_bytes(picture.read_bytes())
            self.assertIn(name, self.run_program("inspect", name).stdout)
        (self.folder / "p.jfif").write_bytes(b"no picture")
        self.run_program("inspect", "p.jfif", status=4)

    def test_explain_draws_nothing(self):
        text = self.run_program("explain", *CAT, "--inject", "a dragon @ output:0").stdout
        self.assertIn("output:0", text)
        json.loads(self.run_program("explain", *CAT, "--inject", "a dragon @ output:0", "--json").stdout)
        self.assertEqual(self.files(), [])

    def test_explain_reads_headers_and_vocabulary_only(self):
        """The weights are mapped files: what is read of them counts as memory of the process."""
        weights = sum(f.stat().st_size for f in MODEL.rglob("*.safetensors"))
        running = subprocess.Popen([PROGRAM, "explain", *CAT, "--inject", "a dragon @ output:0"], stdout=subprocess.DEVNULL)
        usage = os.wait4(running.pid, 0)[2]
        running.returncode = 0
        self.assertLess(usage.ru_maxrss * 1024, weights / 3)
        print(f"explain: {(usage.ru_utime + usage.ru_stime) * 1000:.0f} ms of processor time")

    def test_models_lists_the_builtin_one_and_says_why_a_file_cannot_be_used(self):
        (self.folder / "bad.safetensors").write_bytes(b"nothing")
        rows = json.loads(self.run_program("models", self.folder, "--json").stdout)["models"]
        self.assertEqual(rows[0]["model"], "builtin")
        self.assertEqual(rows[-1]["error"]["code"], "bad_file")
        self.assertIn("builtin", self.run_program("models").stdout)

    def test_wrong_requests_fail_before_anything_is_drawn_and_write_nothing(self):
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
                done = subprocess.run([PROGRAM, "generate", *arguments], cwd=self.folder, capture_output=True)
                self.assertNotIn(b"step 1 of", done.stderr)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertTrue(done.stderr.splitlines()[-1].startswith(b"corepulse: "), done.stderr)
                self.assertEqual(self.files(), before)

    def test_slips_name_what_was_meant(self):
        def error(*arguments):
            return self.run_program(*arguments, status=INVALID).stderr
        self.assertIn("did you mean --steps?", error("generate", *CAT, "--stpes", "3"))
        self.assertIn("--second-pass", error("generate", *CAT, "--hires-fix"))
        self.assertIn("did you mean generate?", error("genrate", *CAT))
        self.assertIn("spaces around the @", error("generate", *CAT, "--inject", "a dragon@output:0"))
        self.assertIn("expected a prompt", error("generate", *CAT, "--inject", ""))
        note = self.run_program("explain", "-p", "a", "-p", "b").stderr
        self.assertIn('--prompt was given 2 times; the last counts: "b"', note)
        same = self.run_program("explain", *CAT, "--negative-prompt", "blurry", "--num_inference_steps", "7").stdout
        self.assertEqual(same, self.run_program("explain", *CAT, "-n", "blurry", "--steps", "7").stdout)

    def test_limits_in_help_and_in_messages_agree(self):
        self.assertIn("1 to 64", self.run_program("generate", "--help").stdout)
        seeds = ",".join(map(str, range(65)))
        self.assertIn("1 to 64", self.run_program("explain", *CAT, "--seed", seeds, status=INVALID).stderr)
        self.assertIn("64", self.run_program("explain", *CAT, "--batch", "65", status=INVALID).stderr)

    def test_a_recipe_comes_from_standard_input(self):
        recipe = json.dumps({"version": 1, "prompt": "a red car", "controls": [{"kind": "inject", "prompt": "snow"}]})
        for flags, acts in (([], 1), (["--no-controls"], 0), (["--without", "0"], 0)):
            done = subprocess.run([PROGRAM, "explain", "--recipe", "-", "--json", *flags], input=recipe,
                                  capture_output=True, text=True)
            told = json.loads(done.stdout)
            self.assertEqual(told["texts"][0]["prompt"], "a red car")
            self.assertEqual(len(told["controls"]), acts)

    def test_a_picture_goes_to_standard_output(self):
        small = [*CAT, "--steps", "1", "-W", "64", "-H", "64", "-q"]
        done = subprocess.run([PROGRAM, "generate", *small, "-o", "-"], cwd=self.folder, capture_output=True)
        self.run_program("generate", *small, "-o", "cat.png")
        self.assertEqual(done.stdout, (self.folder / "cat.png").read_bytes())
        for more in (["--json"], ["-s", "1,2"], ["--heatmap", "cat"]):
            self.run_program("generate", *small, "-o", "-", *more, status=INVALID)

    def test_a_picture_of_another_recipe_is_not_overwritten(self):
        small = [*CAT, "--steps", "1", "-W", "64", "-H", "64"]
        self.run_program("generate", *small, "-o", "cat.png")
        first = (self.folder / "cat.png").read_bytes()
        self.assertEqual(self.run_program("generate", *small, "-o", "cat.png").stdout, "cat.png\n")
        done = self.run_program("generate", *small, "-s", "4", "-o", "cat.png")
        self.assertEqual(done.stdout, "cat-2.png\n")
        self.assertIn("--force", done.stderr)
        self.assertEqual((self.folder / "cat.png").read_bytes(), first)
        self.run_program("generate", *small, "-s", "4", "-o", "cat.png", "--force")
        self.assertEqual((self.folder / "cat.png").read_bytes(), (self.folder / "cat-2.png").read_bytes())
        done = self.run_program("generate", *small, "-o", "new/deeper/cat.png")
        self.assertIn("made the folder new/deeper", done.stderr)

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

    def test_several_seeds_make_files_that_name_them_each_as_if_alone(self):
        out = self.run_program("generate", *CAT, *QUICK, "-s", "3,4", "-o", "x/cat.png", "--json", "-q").stdout
        self.assertEqual(json.loads(out)["files"], ["x/cat-3.png", "x/cat-4.png"])
        self.run_program("generate", *CAT, *QUICK, "-s", "4", "-o", "alone.png", "-q")
        self.assertEqual((self.folder / "x/cat-4.png").read_bytes(), (self.folder / "alone.png").read_bytes())

    def test_heat_maps_lie_beside_the_picture_and_leave_its_bits_alone(self):
        small = [*CAT, *QUICK, "-W", "128", "-H", "128", "-q"]
        self.run_program("generate", *small, "-o", "plain.png")
        done = self.run_program("generate", *small, "--heatmap", "cat @ output:0", "--heatmap", "cat @ output:1",
                                "--heatmap", "park", "--heatmap-values", "npy", "-o", "cat.png")
        made = ["cat.png", "cat-heat-cat.png", "cat-heat-cat.npy", "cat-heat-cat-2.png", "cat-heat-cat-2.npy",
                "cat-heat-park.png", "cat-heat-park.npy"]
        self.assertEqual(done.stdout.split(), made)
        self.assertEqual(self.files(), sorted([*made, "plain.png"]))
        self.assertEqual(self.pixels("cat.png"), self.pixels("plain.png"))
        self.assertEqual(len({(self.folder / name).read_bytes() for name in made}), len(made))
        values = (self.folder / "cat-heat-cat.npy").read_bytes()
        self.assertIn(b"'shape': (4,4,)", values)  # output:0 looks at a quarter of the 16 x 16 latent
        # A recipe with captures does the same, and an overlay holds that recipe.
        self.run_program("generate", "--from", "cat-heat-park.png", "-q", "--heatmap-values", "safetensors",
                         "-o", "again.jpg")
        self.assertEqual((self.folder / "again-heat-cat-2.png").read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(self.pixels("again-heat-park.png"), self.pixels("cat-heat-park.png"))
        numbers = (self.folder / "again-heat.safetensors").read_bytes()
        header = json.loads(numbers[8:8 + int.from_bytes(numbers[:8], "little")])
        self.assertEqual(sorted(header), ["cat", "cat-2", "park"])
        begin, end = header["cat"]["data_offsets"]
        self.assertEqual(numbers[len(numbers) - sum(h["data_offsets"][1] - h["data_offsets"][0] for h in header.values()):]
                         [begin:end], values[128:])

    def test_the_numbers_of_heat_maps_come_without_pictures_where_asked(self):
        small = [*CAT, *QUICK, "-W", "64", "-H", "64", "-q", "--heatmap", "cat @ name Left eye", "-o", "cat.png"]
        done = self.run_program("generate", *small, "--heatmap-values", "npy", "--no-heatmap-pictures")
        self.assertEqual(done.stdout.split(), ["cat.png", "cat-heat-left-eye.npy"])
        self.assertEqual(self.files(), ["cat-heat-left-eye.npy", "cat.png"])
        error = self.run_program("generate", *small, "--no-heatmap-pictures", status=INVALID).stderr
        self.assertIn("--heatmap-values", error)

    def test_each_picture_of_a_batch_has_its_own_heat_map(self):
        done = self.run_program("generate", *CAT, *QUICK, "-W", "64", "-H", "64", "-q", "-s", "3,4", "--heatmap", "cat",
                                "-o", "out/cat.webp", "--json")
        result = json.loads(done.stdout)
        self.assertEqual(result["heat_maps"], ["out/cat-3-heat-cat.png", "out/cat-4-heat-cat.png"])
        self.assertEqual(result["files"], ["out/cat-3.webp", "out/cat-4.webp"])

    def test_an_edited_picture_begins_from_the_seed_of_the_first_and_has_a_name_of_its_own(self):
        small = [*CAT, *QUICK, "-W", "64", "-H", "64", "-q"]
        edit = [*small, "--prompt-to-prompt", "a dog in a park @ cross 0.5"]
        error = self.run_program("generate", *edit, "-s", "3", status=INVALID).stderr
        self.assertIn("--seed 3,3", error)
        done = self.run_program("generate", *edit, "-s", "3,3", "-o", "cat.png")
        self.assertEqual(done.stdout.split(), ["cat-3.png", "cat-3-2.png"])
        self.assertNotEqual(self.pixels("cat-3.png"), self.pixels("cat-3-2.png"))
        self.run_program("generate", *small, "-p", "an owl", "-o", "pet-3.png")
        done = self.run_program("generate", *edit, "-s", "3,3", "-o", "pet.png")
        self.assertEqual(done.stdout.split(), ["pet-3-2.png", "pet-3-2-2.png"])
        self.assertEqual(self.pixels("pet-3-2.png"), self.pixels("cat-3.png"))
        self.assertEqual(self.pixels("pet-3-2-2.png"), self.pixels("cat-3-2.png"))

    def test_a_run_is_recorded_and_looked_at_by_another(self):
        small = [*CAT, *QUICK, "-W", "64", "-H", "64", "-q"]
        done = self.run_program("generate", *small, "--record", "my style @ output:1", "-o", "cat.png")
        self.assertEqual(done.stdout.split(), ["cat.png", "cat-my-style.safetensors"])
        share = {"version": 1, "prompt": "a cat in a park", "steps": 2, "width": 64, "height": 64, "controls": [
            {"kind": "share", "recording": "cat-my-style.safetensors", "how": "instead", "rows": "both"}]}
        (self.folder / "share.json").write_text(json.dumps(share))
        self.run_program("generate", "--recipe", "share.json", "-q", "-o", "same.png")
        self.assertEqual(self.pixels("same.png"), self.pixels("cat.png"))  # its own recording
        self.run_program("generate", "--recipe", "share.json", "-q", "-p", "a red car", "-o", "car.png")
        self.run_program("generate", *small, "-p", "a red car", "-o", "plain.png")
        self.assertNotEqual(self.pixels("car.png"), self.pixels("plain.png"))
        error = self.run_program("generate", "--recipe", "share.json", "-q", "-W", "128", status=INVALID).stderr
        self.assertIn("controls[0].recording", error)

    def test_features_of_a_run_and_where_it_looked_go_into_another(self):
        small = [*CAT, *QUICK, "-W", "64", "-H", "64", "-q"]
        done = self.run_program("generate", *small, "--record", "f @ output:1.1, what features", "--record", "k @ output:1", "-o", "cat.png")
        self.assertEqual(done.stdout.split(), ["cat.png", "cat-f.safetensors", "cat-k.safetensors"])
        taken = ["--features", "cat-f.safetensors", "--share", "cat-k.safetensors @ how map, rows both"]
        self.run_program("generate", *small, *taken, "-o", "same.png")
        self.assertEqual(self.pixels("same.png"), self.pixels("cat.png"))
        self.run_program("generate", *small, *taken, "-p", "a red car", "-o", "car.png")
        self.run_program("generate", *small, "-p", "a red car", "-o", "plain.png")
        self.assertNotEqual(self.pixels("car.png"), self.pixels("plain.png"))
        self.run_program("generate", "--from", "car.png", "-q", "-o", "again.png")
        self.assertEqual(self.pixels("again.png"), self.pixels("car.png"))
        error = self.run_program("generate", *small, "--features", "cat-k.safetensors", status=INVALID).stderr
        self.assertIn("controls[0].recording", error)
        self.assertIn("no features of resnets", error)

    def test_a_recipe_too_long_for_a_jpeg_is_refused_before_the_run(self):
        curve = [[i / 8000, 0.5 + i / 20000] for i in range(8000)]
        recipe = {"version": 1, "prompt": "a cat in a park", "steps": 1, "width": 64, "height": 64,
                  "controls": [{"kind": "inject", "prompt": "a dragon", "strength": curve}]}
        (self.folder / "long.json").write_text(json.dumps(recipe))
        error = self.run_program("generate", "--recipe", "long.json", "-o", "long.jpg", status=INVALID).stderr
        self.assertIn("JPEG holds at most", error)
        self.assertNotIn("step 1", error)
        self.assertEqual(self.files(), ["long.json"])
        for name in ("long.png", "long.webp"):
            self.run_program("generate", "--recipe", "long.json", "-q", "-o", name)
            again = json.loads(self.run_program("explain", "--from", name, "--json").stdout)
            self.assertEqual(again["controls"][0]["state"], "acts")

    def test_ctrl_c_stops_within_a_step_and_leaves_what_was_there(self):
        (self.folder / "cat.png").write_text("mine")
        running = subprocess.Popen([PROGRAM, "generate", *CAT, "--steps", "1000", "-o", "cat.png"],
                                   cwd=self.folder, stderr=subprocess.PIPE, text=True)
        while "step 1 of" not in running.stderr.readline():
            self.assertIsNone(running.poll())
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=300)
        self.assertEqual(running.returncode, STOPPED)
        self.assertEqual((self.folder / "cat.png").read_text(), "mine")
        self.assertEqual(self.files(), ["cat.png"])

    @staticmethod
    def processor_time(process):
        """Seconds that it has computed, as Linux tells; elsewhere as if it had done enough."""
        try:
            user, system = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
        except OSError:
            return math.inf
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def test_ctrl_c_is_heard_inside_a_model_call(self):
        """Where a call of this size takes minutes, which the program says of itself."""
        running = subprocess.Popen([PROGRAM, "generate", *CAT, "-W", "2048", "-H", "2048", "-o", "cat.png"],
                                   cwd=self.folder, stderr=subprocess.PIPE, text=True)
        self.addCleanup(running.kill)
        line = running.stderr.readline()
        while "this takes about" not in line:
            if "step 1 of" in line:
                self.skipTest("this machine is done before anybody can stop it")
            self.assertTrue(line, "it ended")
            line = running.stderr.readline()
        computing = self.processor_time(running.pid) + 2
        while running.poll() is None and self.processor_time(running.pid) < computing:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        error = running.communicate(timeout=300)[1]
        self.assertEqual(running.returncode, STOPPED, error)
        self.assertNotIn("step 1 of", error)
        self.assertEqual(self.files(), [])

    def test_progress_is_never_wider_than_the_terminal(self):
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
        done = subprocess.run([PROGRAM, "generate", *CAT, "-W", "64", "-H", "64", "--steps", "8", "-o", "cat.png"],
                              cwd=self.folder, stdout=subprocess.DEVNULL, stderr=its)
        os.close(its)
        text = b""
        with contextlib.suppress(OSError):  # the end, on Linux
            while part := os.read(ours, 65536):
                text += part
        os.close(ours)
        self.assertEqual(done.returncode, 0)
        bars = [line.split("\x1b")[0] for line in text.decode().split("\r") if "/8" in line]
        self.assertEqual(len(bars), 8)
        for bar in bars:
            self.assertLess(len(bar), 30, bar)

    def test_progress_on_a_pipe_is_a_few_lines(self):
        done = self.run_program("generate", *CAT, "-W", "64", "-H", "64", "--steps", "40", "-o", "cat.png")
        lines = [line for line in done.stderr.splitlines() if "step" in line]
        if float(re.search(r"([\d.]+) s each", lines[-1])[1]) < 1:  # slow steps are told one by one
            self.assertLessEqual(len(lines), 20)
        self.assertIn("step 1 of 40", lines[0])
        self.assertIn("step 40 of 40", lines[-1])

    def test_the_demo_draws_a_sheet_and_its_pictures(self):
        done = self.run_program("demo", "--steps", "1", "--seed", "7", "-o", "sheet")
        self.assertIn("s per step", done.stderr)
        names = sorted(f.name for f in (self.folder / "sheet").iterdir())
        self.assertEqual(names, ["1-plain.png", "2-corepulse.png", "3-content.png", "4-composition.png", "5-style.png",
                                 "6-masked.png", "7-region.png", "8-heat.png", "demo.png"])
        made = json.loads(self.run_program("inspect", "sheet/2-corepulse.png", "--json").stdout)
        self.assertEqual(made["recipe"]["seeds"], [7])

    def test_the_demo_is_of_one_seed(self):
        done = self.run_program("demo", "--seed", "1,2", "-o", "sheet", status=INVALID)
        self.assertIn("[--seed]", done.stderr)


if __name__ == "__main__":
    unittest.main()
