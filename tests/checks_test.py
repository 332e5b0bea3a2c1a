"""The checks of cmake/ must be able to fail: each is run on a small tree with one fault."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CMAKE = pathlib.Path(__file__).resolve().parent.parent / "cmake"
SOUND = {
    "src/unet/attention.cpp": '#include "control/plan.h"\nauto p = control.plan(site, step);\n',
    "src/io/json.cpp": '#include "base/fail.h"\n#include "corepulse/error.h"\n',
    "include/corepulse/error.h": "#include <string>\n",
    "cli/main.cpp": '#include "corepulse/error.h"\n#include "args.h"\n',
}


def status(check, files):
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            file = pathlib.Path(root, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return subprocess.run([sys.executable, CMAKE / check, root], capture_output=True).returncode


class ChecksTest(unittest.TestCase):
    def test_a_sound_tree_passes(self):
        self.assertEqual(status("check_layers.py", SOUND), 0)
        self.assertEqual(status("sizes.py", SOUND), 0)

    def test_a_wrong_include_fails(self):
        faults = {
            "src/io/json.cpp": '#include "nn/layers.h"\n',
            "src/unet/unet.cpp": '#include "control/program.h"\n',
            "src/sampler/euler.cpp": '#include "unet/unet.h"\n',
            "src/nn/heads.cpp": '#include "mlx/mlx.h"\n',
            "include/corepulse/image.h": "#include <png.h>\n",
            "include/corepulse/model.h": '#include "base/fail.h"\n',
            "cli/args.cpp": '#include "pipeline/denoise.h"\n',
        }
        for name, text in faults.items():
            with self.subTest(name):
                self.assertEqual(status("check_layers.py", SOUND | {name: text}), 1)

    def test_a_second_plan_call_fails_and_a_commented_one_does_not(self):
        name = "src/unet/transformer.cpp"
        self.assertEqual(status("check_layers.py", SOUND | {name: "auto p = control->plan(site);\n"}), 1)
        self.assertEqual(status("check_layers.py", SOUND | {name: "// as control.plan(site) said\n"}), 0)
        self.assertEqual(status("check_layers.py", {n: t for n, t in SOUND.items() if "unet" not in n}), 1)

    def test_a_file_longer_than_one_sitting_fails(self):
        self.assertEqual(status("sizes.py", SOUND | {"src/io/png.cpp": "int x;\n" * 401}), 1)
        self.assertEqual(status("sizes.py", SOUND | {"src/io/png.cpp": "int x;\n" * 400}), 0)


if __name__ == "__main__":
    unittest.main()
