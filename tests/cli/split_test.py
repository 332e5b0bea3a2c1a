"""One picture by several processes: equal bits in all of them, an error of one is everybody's, none waits for ever."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import unittest

from program_case import PROGRAM, ProgramCase

RUN = os.environ["COREPULSE_SPLIT_RUN"]
GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
MODEL = GOLDEN / "models" / "small"
RECIPE = {"version": 1, "prompt": "a cat in a park", "negative_prompt": "rain", "width": 64, "height": 64, "steps": 3, "seed": 3,
          "sampler": "euler", "guidance": 5}
NEVER = 1200  # seconds after which something hangs; more than the engine's patience, whose error says what is missing
GUIDE = {"kind": "guide_by", "perturb": "identity", "scale": 2, "where": "middle"}
THREE_ROWS = RECIPE | {"sampler": "heun", "controls": [GUIDE | {"when": {"steps": [0, 2]}}]}
# Rows of other weights, which are calls of their own: of the second image, and of the prompt.
CHANGED = RECIPE | {"seeds": [1, 2], "controls": [GUIDE, *({"kind": "lora", "file": str(GOLDEN / "lora_sd1.safetensors")} | rows
                                                           for rows in ({"images": [1]}, {"rows": "cond", "strength": 0.5}))]}
TWICE = RECIPE | {"second_pass": {"scale": 2, "strength": 0.6, "upscale": "lanczos"}}
# Of both, calls of one row for two processes: guidance 1 in some steps.
SOME_GUIDED = RECIPE | {"sampler": "euler_a", "seeds": [3, 4], "controls": [{"kind": "guidance", "scale": 1, "when": {"steps": [1, 2]}}]}
del SOME_GUIDED["seed"], CHANGED["seed"]


class SplitTest(ProgramCase):
    def ring(self, size):
        """The environments of so many processes. Their ports stay bound here, and so nobody else's."""
        hosts = []
        for _ in range(size):
            held = socket.socket()
            self.addCleanup(held.close)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held.bind(("127.0.0.1", 0))
            hosts.append([f"127.0.0.1:{held.getsockname()[1]}"])
        file = self.folder / "hosts.json"
        file.write_text(json.dumps(hosts))
        return [{**os.environ, "MLX_HOSTFILE": str(file), "MLX_RANK": str(rank), "COREPULSE_THREADS": "1"} for rank in range(size)]

    def started(self, *command, environment=None):
        process = subprocess.Popen([*map(str, command)], cwd=self.folder, env=environment, text=True, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for pipe in (process.stdin, process.stdout, process.stderr):
            self.addCleanup(pipe.close)
        return process

    def split(self, runs_of, model=MODEL):
        """Processes that draw these runs together, a list for each rank."""
        processes = []
        for rank, environment in enumerate(self.ring(len(runs_of))):
            file = self.folder / f"runs-{rank}.json"
            file.write_text(json.dumps(runs_of[rank]))
            processes.append(self.started(RUN, model, file, "--split", environment=environment))
        return processes

    def alone(self, recipes, model):
        (self.folder / "runs.json").write_text(json.dumps([{"recipe": recipe} for recipe in recipes]))
        return self.lines(self.started(RUN, model, "runs.json"))

    def lines(self, process):
        out, err = process.communicate(timeout=NEVER)
        self.assertEqual(process.returncode, 0, err)
        return [json.loads(line) for line in out.splitlines() if line != "paused"]

    def test_all_processes_have_the_bits_of_one(self):
        model = GOLDEN / "models" / "sd1"
        for size, recipes in ((2, [RECIPE, THREE_ROWS, SOME_GUIDED, CHANGED, TWICE]), (3, [THREE_ROWS, CHANGED])):
            with self.subTest(size):
                made = [self.lines(process) for process in self.split([[{"recipe": r} for r in recipes]] * size, model)]
                for here in made[1:]:
                    self.assertEqual(here, made[0])
                for split, alone in zip(made[0], self.alone(recipes, model), strict=True):
                    self.assertIn("sha256", alone)
                    note = f"the rows of each model call were split between {size} processes"
                    self.assertEqual(split, alone | {"notes": [*alone["notes"], note]})

    def test_what_ends_a_run_in_one_ends_it_in_all_and_the_next_one_is_drawn(self):
        other = RECIPE | {"guidance": 6}
        both = [{"recipe": RECIPE}]
        latents = {"with": "latents", "latents": 256}
        first = [{"recipe": RECIPE, "stop_at": 2}, {"recipe": RECIPE}, {"recipe": RECIPE}, {"recipe": RECIPE} | latents]
        second = [{"recipe": RECIPE}, {"recipe": RECIPE, "throw_at": 1}, {"recipe": other}, {"recipe": RECIPE}]
        here, there = (self.lines(process) for process in self.split([first + both, second + both]))
        self.assertEqual(here[0], {"error": "cancelled", "message": "[generate] stopped after step 2 of 3"})
        self.assertEqual(there[0], {"error": "cancelled", "message":
                                    "[split_guidance] process 0 ended the run: [generate] stopped after step 2 of 3"})
        self.assertEqual(here[1], {"error": "cancelled", "message":
                                   "[split_guidance] process 1 ended the run: a function of its application threw"})
        self.assertEqual(there[1], {"thrown": "of the application"})
        for place, what in ((2, "has another recipe"), (3, "starts from other latents")):
            message = f"[split_guidance] process 1 {what} than process 0; expected the same in all of them"
            self.assertEqual(here[place], {"error": "invalid_request", "message": message})
            self.assertEqual(there[place], here[place])
        self.assertIn("sha256", here[4])
        self.assertEqual(there[4], here[4])

    def test_what_looks_at_other_rows_is_refused_by_name(self):
        images = RECIPE | {"seeds": [3, 3]}
        images.pop("seed")
        to_prompt = images | {"controls": [{"kind": "prompt_to_prompt", "prompt": "a dog in a park", "images": [1]}]}
        refused = [
            ({"recipe": to_prompt}, 'images look at each other, and so go through one call (control 0, prompt_to_prompt'),
            ({"recipe": images | {"controls": [{"kind": "share", "image": 0}]}}, "(control 0, share"),
            ({"recipe": images | {"controls": [{"kind": "features", "image": 0}]}}, "(control 0, features"),
            ({"recipe": RECIPE | {"controls": [GUIDE | {"perturb": "map"}]}}, "control 0, guide_by"),
            ({"recipe": RECIPE | {"controls": [{"kind": "capture", "phrase": "cat", "name": "cat"}]}}, "control 0, capture"),
            ({"recipe": RECIPE | {"guidance": 1}}, "every model call has one row, as without guidance"),
            ({"recipe": RECIPE, "with": "probe"}, "probes see"),
            ({"recipe": RECIPE, "with": "function"}, "attention functions see"),
            ({"recipe": RECIPE, "with": "live"}, "live controls change"),
            ({"recipe": RECIPE, "with": "together"}, "their guidance is split between processes"),
        ]
        runs = [run for run, _ in refused] + [{"recipe": RECIPE}]
        for process in self.split([runs, runs]):
            lines = self.lines(process)
            for line, (_, text) in zip(lines, refused):
                self.assertEqual(line.get("error"), "invalid_request", line)
                self.assertIn(text, line["message"])
            self.assertIn("sha256", lines[-1])

    def test_more_processes_than_rows_are_refused(self):
        for process in self.split([[{"recipe": RECIPE}]] * 3):
            line, = self.lines(process)
            self.assertIn("3 processes, and no model call has more than 2 rows", line["message"])

    def test_a_killed_process_ends_the_other_and_all_its_further_runs(self):
        runs = [{"recipe": RECIPE}, {"recipe": RECIPE}]
        left, killed = self.split([runs, [{"recipe": RECIPE, "pause_at": 1}]])
        self.assertEqual(killed.stdout.readline(), "paused\n")
        killed.send_signal(signal.SIGKILL)
        for line in self.lines(left):
            self.assertEqual(line["error"], "io", line)
            self.assertIn("process 0 of 2 lost another one", line["message"])

    def test_the_program_writes_the_first_process_s_picture_alone(self):
        flags = ["-m", MODEL, "-p", "a cat in a park", "-W", "64", "-H", "64", "--steps", "2", "--device", "cpu"]
        made = []
        for rank, environment in enumerate(self.ring(2)):
            (self.folder / str(rank)).mkdir()
            made.append(self.started(PROGRAM, "generate", *flags, "--split-guidance", "-o", f"{rank}/cat.png", environment=environment))
        for process in made:
            _, err = process.communicate(timeout=NEVER)
            self.assertEqual(process.returncode, 0, err)
        self.assertFalse(list((self.folder / "1").iterdir()))
        self.run_program("generate", *flags, "-q", "-o", "alone.png")
        self.assertEqual(self.pixels("0/cat.png"), self.pixels("alone.png"))

    @unittest.skipUnless("MPIEXEC" in os.environ, "a build without Open MPI")
    def test_mpirun_starts_them_and_ends_them(self):
        flags = ["-m", MODEL, "-p", "a cat in a park", "-W", "64", "-H", "64", "--steps", "2", "--device", "cpu"]
        environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "COREPULSE_THREADS": "1",
                       "OMPI_MCA_btl": "self,vader,tcp", "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
                       "OMPI_MCA_rmaps_base_oversubscribe": "1"}
        for out, status in (("split.png", 0), ("no/such/folder.txt", 2)):
            process = self.started(os.environ["MPIEXEC"], "-np", "2", PROGRAM, "generate", *flags, "--split-guidance", "-o", out,
                                   environment=environment)
            _, err = process.communicate(timeout=NEVER)
            self.assertEqual(process.returncode, status, err)
        self.run_program("generate", *flags, "-q", "-o", "alone.png")
        self.assertEqual(self.pixels("split.png"), self.pixels("alone.png"))

    def test_what_is_missing_is_said(self):
        def said(**variables):
            environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLX_", "OMPI_"))} | variables
            process = self.started(PROGRAM, "generate", "-m", MODEL, "-p", "a", "--split-guidance", environment=environment)
            err = process.communicate(timeout=NEVER)[1]
            self.assertEqual(process.returncode, 2, err)
            return err
        hosts = self.folder / "one.json"
        hosts.write_text('[["127.0.0.1:1"]]')
        self.assertIn("expected MLX_RANK with MLX_HOSTFILE", said())
        self.assertIn("MLX_RANK=-1; expected a number from 0", said(MLX_RANK="-1", MLX_HOSTFILE=str(hosts)))
        self.assertIn("a list of two processes or more", said(MLX_RANK="0", MLX_HOSTFILE=str(hosts)))


if __name__ == "__main__":
    unittest.main()
