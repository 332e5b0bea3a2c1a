"""The benchmark's driver: turns, parsing, fitting, results. No time is asserted, and no peer is needed.

    bench_test.py [KERNELS_BENCH]      also reads what that program prints
"""
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
BENCH = HERE.parents[1] / "bench"
sys.path.insert(0, str(BENCH))
import parse  # noqa: E402
import plan  # noqa: E402
import results  # noqa: E402
from contest import Contestant, Failed, alternate, guarded, spread  # noqa: E402

ECHO = [sys.executable, str(HERE / "echo_program.py")]
KERNELS_BENCH = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else None

KERNELS_TEXT = """avx512, 2 threads
peak                                               200.0 GFLOP/s
copy                                                20.0 GB/s
sgemm 2048                                         180.0 GFLOP/s
conv3x3 320 @64                       30.250 ms    499.1 GFLOP/s   2.77 x sgemm
silu 320 @64                           1.500 ms     14.0 GB/s
"""
PROFILE_TEXT = """0.1.0, avx512, 2 threads
unet sd15 512 batch 2         median   9.100  min   9.000  max   9.300  processor   9.050 s  weights  3.44  peak  5.20 GB
   40.0 %   3640.00 ms    6.0 x  conv2d         [2, 64, 64, 320]
   25.0 %   2275.00 ms   10.0 x  linear         [2, 4096, 320]
   10.0 %    910.00 ms    4.0 x  conv2d         [2, 32, 32, 640]
   25.0 %   2275.00 ms           everything else
"""
CONTROL_TEXT = """builtin: plain step 0.310 s; 6 runs of 10 steps each, beside as many plain ones
                  run / plain run           step / plain step         goal
inject            1.004 (0.998..1.011)      1.001 (0.990..1.010)      <= 1.020
closed window     0.999 (0.995..1.003)      0.998 (0.990..1.002)      <= 1.002
"""


class ContestTest(unittest.TestCase):
    def test_programs_are_asked_by_turns_and_the_first_call_is_kept_apart(self):
        first = {}
        with Contestant("a", ECHO) as a, Contestant("b", [*ECHO, "--slow", "2"]) as b:
            answers = alternate([a, b], "a case", 3, first=first)
        self.assertEqual([x["seconds"] for x in answers["a"]], [2, 3, 4])
        self.assertEqual([x["seconds"] for x in answers["b"]], [4, 6, 8])
        self.assertEqual(first, {"a": 100, "b": 200})

    def test_a_program_that_cannot_start_says_why(self):
        with self.assertRaisesRegex(Failed, "status 1: no such library"):
            Contestant("a", [*ECHO, "--fail"])

    def test_a_case_that_a_program_does_not_know_is_its_own_words(self):
        with Contestant("a", ECHO) as a, self.assertRaisesRegex(Failed, "no such case"):
            a.ask("unknown")

    def test_a_guard_holds_while_timing_and_only_then(self):
        with tempfile.TemporaryDirectory() as folder:
            held = pathlib.Path(folder) / "held"
            script = pathlib.Path(folder) / "guard"
            script.write_text(f'#!/bin/sh\ntouch "{held}"\n"$@"\nrm "{held}"\n')
            script.chmod(0o755)
            with guarded(str(script)):
                self.assertTrue(held.exists())
            self.assertFalse(held.exists())

    def test_median_and_extremes(self):
        self.assertEqual(spread([3, 1, 2, 10]), {"median": 2.5, "min": 1, "max": 10, "runs": 4})


class ParseTest(unittest.TestCase):
    def test_kernels_get_their_share_of_the_peak_of_the_same_run(self):
        rows = {row["case"]: row for row in parse.kernels(KERNELS_TEXT)}
        self.assertEqual(list(rows), ["peak", "copy", "sgemm 2048", "conv3x3 320 @64", "silu 320 @64"])
        self.assertAlmostEqual(rows["conv3x3 320 @64"]["share"], 499.1 / 200)
        self.assertAlmostEqual(rows["conv3x3 320 @64"]["median"], 0.03025)
        self.assertAlmostEqual(rows["silu 320 @64"]["share"], 0.7)

    @unittest.skipUnless(KERNELS_BENCH, "no kernels_bench given")
    def test_the_program_prints_what_is_parsed(self):
        case = "conv1x1 4->4 @64"
        text = subprocess.run([KERNELS_BENCH, case], capture_output=True, text=True, check=True).stdout
        rows = {row["case"]: row for row in parse.kernels(text)}
        self.assertEqual(list(rows), ["peak", "copy", "sgemm 2048", case])
        self.assertGreater(rows[case]["rate"], 0)

    def test_a_kernel_in_several_shapes_is_one_line_of_the_profile(self):
        rows = parse.profile(PROFILE_TEXT)
        self.assertEqual([r["kernel"] for r in rows], ["conv2d", "linear", "everything else"])
        self.assertAlmostEqual(rows[0]["share_of_call"], 0.5)
        self.assertAlmostEqual(rows[0]["seconds"], 4.55)

    def test_controls_are_quotients_with_their_spread(self):
        rows = parse.controls(CONTROL_TEXT)
        self.assertEqual([r["case"] for r in rows], ["inject", "closed window"])
        self.assertEqual(rows[0], {"case": "inject", "ratio_to_plain": 1.004, "low": 0.998, "high": 1.011})

    def test_steps_are_found_in_what_generate_prints(self):
        self.assertEqual(parse.step("cat.png: step 1 of 20, 0.31 s"), (1, 0.31))
        self.assertEqual(parse.step("drawing: step 11 of 20, 1.5 s"), (11, 1.5))
        self.assertIsNone(parse.step("cat.png"))


class ResultsTest(unittest.TestCase):
    MACHINE = results.machine("cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 fma avx512f")

    def test_the_machine_is_known_by_processor_and_instructions(self):
        self.assertEqual(self.MACHINE["isa"], ["avx2", "fma", "avx512f"])
        self.assertEqual(results.slug(self.MACHINE), "amd-epyc-25-17")

    def test_the_exponent_of_a_power_law_is_found(self):
        power, factor = results.exponent([(n, 3 * n**1.7) for n in (1, 2, 4, 8)])
        self.assertAlmostEqual(power, 1.7)
        self.assertAlmostEqual(factor, 3)
        self.assertAlmostEqual(results.exponent([(1, 1), (10, math.sqrt(10))])[0], 0.5)
        with self.assertRaises(ValueError):
            results.exponent([(2, 1), (2, 3)])

    def test_a_row_measured_again_takes_the_old_ones_place(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "a" / "numbers.json"
            out = results.Results(file, self.MACHINE, "abc")
            out.add("unet_f32", "unet", "torch", **spread([2.0]), ours=1.0, ratio=2.0)
            out.add("unet_f32", "unet", "torch", **spread([3.0]), ours=1.0, ratio=3.0)
            out.add("unet_f32", "unet", "openvino", error="not installed")
            again = results.Results(file, self.MACHINE, "def")
            self.assertEqual([r["who"] for r in again.data["rows"]], ["torch", "openvino"])
            self.assertEqual(json.loads(file.read_text())["rows"][0]["median"], 3.0)
            again.add("kernels", "conv3x3", "corepulse", median=0.005, rate=600.0, unit="GFLOP/s")
            text = results.text(again)
            self.assertIn("3.00 x", text)
            self.assertIn("600.0 GFLOP/s", text)
            self.assertIn("not run: not installed", text)
            with self.assertRaises(SystemExit):
                results.Results(file, self.MACHINE | {"cpu": "another"}, "abc")


class PlanTest(unittest.TestCase):
    def test_every_comparison_names_peers_that_exist(self):
        for name, (_, _, peers, _) in plan.COMPARISONS.items():
            for peer in peers:
                self.assertTrue(os.path.exists(plan.PEER_PROGRAMS[peer][1]), f"{name}: {peer}")

    def test_every_committed_result_can_be_shown(self):
        for file in sorted((BENCH / "results").glob("*.json")):
            data = json.loads(file.read_text())
            self.assertIn(data["machine"]["cpu"], results.text(results.Results(file, data["machine"], "abc")))


if __name__ == "__main__":
    unittest.main()
