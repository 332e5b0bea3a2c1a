"""corepulse doctor: what a report holds, and what its exit status says."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from program_case import PROGRAM, ProgramCase

BUILTIN = pathlib.Path(__file__).parents[2] / "models" / "builtin"
UNTIMED = ["--device", "cpu", "--dtype", "f32", "--steps", "0"]
CPU = [*UNTIMED[:-1], "3"]
INVALID, NOT_FOUND, DEFECT = 2, 3, 9


def run(*arguments, **environment):
    return subprocess.run([PROGRAM, "doctor", *arguments], env={**os.environ, **environment}, capture_output=True,
                          text=True)


class DoctorTest(ProgramCase):
    def test_a_page_for_people_names_machine_mlx_memory_kernels_places_picture_and_step(self):
        text = self.run_program("doctor", *CPU).stdout
        for title in ("Machine", "The device, as MLX describes it", "Where things lie", "Self-test: passed",
                      "A step of builtin, 256 x 256, two rows, f32", "Single products of a middle size"):
            self.assertRegex(text, f"(?m)^{re.escape(title)}$")
        for line in ("program +corepulse .* \\(MLX ", "system ", "own kernels ", "threads +\\d+$", "memory +[\\d.]+ GB$",
                     "library +.*libcorepulse", "mlx +.*libmlx", "hugging face cache +", "median +[\\d.]+ ms$"):
            self.assertRegex(text, f"(?m)^  {line}")

    def test_the_same_for_programs_is_one_json_object(self):
        found = json.loads(self.run_program("doctor", *CPU, "--json").stdout)
        self.assertEqual({name: list(part) for name, part in found.items()}, {
            "machine": ["program", "system", "processor", "backend", "isa", "threads", "device", "memory", "available",
                        "mlx_limit", "folders", "environment"],
            "self_test": ["verdict", "device_class", "latents", "picture", "latents_bound", "picture_bound", "message"],
            "step": ["model", "dtype", "width", "height", "seconds", "median", "lowest", "highest", "first", "operations",
                     "peak_bytes", "problem"],
            "pace": ["convolution", "matrix", "attention"]})
        self.assertEqual(found["machine"]["backend"], "cpu")
        self.assertEqual(found["self_test"]["verdict"], "passed")
        self.assertEqual(found["self_test"]["device_class"], "cpu f32")
        self.assertLessEqual(found["self_test"]["latents"], found["self_test"]["latents_bound"])
        step = found["step"]
        self.assertEqual(len(step["seconds"]), 3)
        self.assertLessEqual(step["lowest"], step["median"])
        self.assertLessEqual(step["median"], step["highest"])
        self.assertGreater(step["operations"], 1e9)
        self.assertTrue(all(rate > 0 for rate in found["pace"].values()))

    def test_a_model_that_draws_another_picture_ends_with_a_status_of_its_own(self):
        """What a broken kernel would do to the picture, broken weights do, too."""
        data = self.folder / "data"
        shutil.copytree(BUILTIN.parents[1] / "data", data / "data")
        shutil.copytree(BUILTIN, data / "models" / "builtin")
        weights = data / "models/builtin/unet/diffusion_pytorch_model.safetensors"
        content = bytearray(weights.read_bytes())
        begin = len(content) // 2
        content[begin:begin + 200_000] = bytes(200_000)
        weights.write_bytes(content)
        for form in ([], ["--json"]):
            done = run(*CPU, *form, COREPULSE_DATA=str(data), XDG_CACHE_HOME=str(self.folder))
            self.assertEqual(done.returncode, DEFECT, done.stdout + done.stderr)
            self.assertIn("failed", done.stdout)
        self.assertEqual(json.loads(done.stdout)["self_test"]["verdict"], "failed")

    def test_a_step_that_fails_is_told_and_ends_with_a_status_of_its_own(self):
        """Weights that are finite, but too large for any number format; the self-test draws with the built-in model's."""
        shutil.copytree(BUILTIN, self.folder / "model")
        weights = self.folder / "model/unet/diffusion_pytorch_model.safetensors"
        content = weights.read_bytes()
        begin = 8 + int.from_bytes(content[:8], "little")
        weights.write_bytes(content[:begin] + b"\xff\x7b" * ((len(content) - begin) // 2))
        done = run(*CPU, "-m", str(self.folder / "model"), HOME=str(self.folder))
        self.assertEqual(done.returncode, DEFECT, done.stdout + done.stderr)
        self.assertIn("Self-test: passed", done.stdout)
        self.assertRegex(done.stdout, "(?m)^  none: .*overflowed float32")
        self.assertNotIn(str(self.folder), done.stdout)

    def test_the_self_test_stands_alone_where_no_step_shall_be_timed(self):
        text = self.run_program("doctor", *UNTIMED).stdout
        self.assertIn("Self-test: passed", text)
        self.assertNotIn("A step", text)
        self.assertNotIn("Single products", text)
        found = json.loads(self.run_program("doctor", *UNTIMED, "--json").stdout)
        self.assertEqual((found["step"]["seconds"], found["step"]["problem"], found["pace"]["matrix"]), ([], "", 0))

    def test_variables_that_are_set_and_empty_are_told_so(self):
        self.assertRegex(run(*CPU, MTL_HUD_ENABLED="").stdout, '(?m)^  MTL_HUD_ENABLED +""$')

    def test_folders_in_the_home_folder_do_not_name_it(self):
        text = run(*CPU, HOME=str(self.folder), XDG_CACHE_HOME="", HF_HOME="").stdout
        self.assertIn("~/.cache", text.replace("~/Library/Caches", "~/.cache"))
        self.assertNotIn(str(self.folder), text)

    def test_wrong_wishes_are_errors_and_nothing_is_measured(self):
        for arguments, status in ((["--steps", "-1"], INVALID), (["--steps", "1000"], INVALID),
                                  (["-m", "no/such-model"], NOT_FOUND), (["--device", "moon"], INVALID)):
            self.assertEqual(self.run_program("doctor", *arguments, status=status).stdout, "")


if __name__ == "__main__":
    unittest.main()
