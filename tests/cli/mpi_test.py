"""Sweeps by the processes of mpirun: they leave what one does, and what a killed one leaves is gone on with."""
import contextlib
import csv
import json
import os
import pathlib
import signal
import subprocess
import time
import unittest

from program_case import PROGRAM, ProgramCase

MODEL = pathlib.Path(__file__).parents[1] / "golden" / "models" / "small"
SMALL = ["-m", MODEL, "-p", "a cat in a park", "-W", "64", "-H", "64", "--inject", "a dragon", "-q", "--device", "cpu"]
AXES = ["--axis", "where=input:0,middle:0", "--axis", "seed=1..4"]
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_btl": "self,vader,tcp",
               "OMPI_MCA_btl_vader_single_copy_mechanism": "none", "OMPI_MCA_rmaps_base_oversubscribe": "1", "COREPULSE_THREADS": "1"}
MPIRUN = [os.environ["MPIEXEC"], "-np", "3", PROGRAM, "sweep", *SMALL, *AXES]


def rank_of(process):
    """Of a process of Open MPI."""
    try:
        variables = pathlib.Path("/proc", process, "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    ranks = [v.partition(b"=")[2] for v in variables if v.startswith(b"OMPI_COMM_WORLD_RANK=")]
    return int(ranks[0]) if ranks else None


class MpiTest(ProgramCase):
    def mpirun(self, *arguments, status=0):
        done = subprocess.run([*map(str, MPIRUN), *arguments], cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def rows(self, folder):
        with open(self.folder / folder / "cells.csv", newline="") as file:
            return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]

    def cells(self, folder):
        """Of the journal, in the order of their coming."""
        entries = [json.loads(line)["entry"] for line in (self.folder / folder / "journal.jsonl").read_text().splitlines()]
        return [entry["cell"] for entry in entries if "cell" in entry]

    def test_several_processes_leave_what_one_does(self):
        printed = self.mpirun("--steps", "1", "-o", "several").stdout.split()
        self.assertEqual(printed, ["several/cells.csv", "several/sheet.png", "several/sheet.html"])
        self.run_program("sweep", *SMALL, *AXES, "--steps", "1", "-o", "one")
        self.assertEqual(self.rows("several"), self.rows("one"))
        for name in ("sheet.png", "sheet.html", "cells/000005.png", "plain/000002.png"):
            self.assertEqual((self.folder / "several" / name).read_bytes(), (self.folder / "one" / name).read_bytes(), name)

    def killed(self, steps, out):
        """mpirun's status when two of its processes were killed after the first cell, or it was faster than that."""
        with subprocess.Popen([*map(str, MPIRUN), "--steps", steps, "-o", out], cwd=self.folder, env=ENVIRONMENT,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and not list(self.folder.glob(f"{out}/cells/0*.png")):
                time.sleep(0.001)
            with contextlib.suppress(OSError, KeyError):  # they have ended
                children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                ranks = {rank_of(child): int(child) for child in children}
                os.kill(ranks[2], signal.SIGKILL)
                os.kill(ranks[0], signal.SIGKILL)  # it hands out: till mpirun has seen the first death, the rest may be drawn
            return process.wait()

    @unittest.skipUnless(pathlib.Path("/proc/self/environ").exists(), "finds processes as Linux shows them")
    def test_a_killed_process_loses_nothing_and_doubles_nothing(self):
        for steps in ("8", "100", "900"):  # as slow as this machine needs it, to be killed on the way
            out = f"out{steps}"
            status = self.killed(steps, out)
            before = self.cells(out)
            if status and len(before) < 8:
                break
        self.assertLess(len(before), 8)
        self.mpirun("--steps", steps, "-o", out, "--resume")
        self.assertEqual(self.cells(out)[:len(before)], before)
        self.assertEqual(sorted(self.cells(out)), list(range(8)))
        self.assertEqual([row["cell"] for row in self.rows(out)], list("01234567"))

    def test_what_is_wrong_is_said_once(self):
        done = self.mpirun("--steps", "1", "-o", "no", "--axis", "strength=0.5,7", status=2)
        self.assertEqual(done.stderr.count("strength 7"), 1, done.stderr)

    def test_shards_and_random_seeds_are_refused(self):
        """Each process would draw for the first one's shard, and the other shards would be lost."""
        for more, message in ((["--shard", "0/2"], "[--shard] beside MPI"), (["--seed", "random"], "[--seed] random beside mpirun")):
            self.assertIn(message, self.mpirun("--steps", "1", "-o", "no", *more, status=2).stderr)
            self.assertFalse((self.folder / "no").exists())


if __name__ == "__main__":
    unittest.main()
