"""What README.md says is true: its commands run (fewer steps), its code compiles, its links lead somewhere."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ["COREPULSE"]).resolve()
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


class ReadmeTest(unittest.TestCase):
    def test_its_commands_run(self):
        script = "".join(blocks("sh"))
        script = re.sub(r"^(corepulse generate .*)$", r"\1 --quiet --steps 2", script, flags=re.M)
        self.assertIn("corepulse explain", script)
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "recipe.json").write_text(blocks("json")[0])
            env = dict(os.environ, PATH=f"{PROGRAM.parent}:{os.environ['PATH']}")
            done = subprocess.run(["bash", "-exuo", "pipefail", "-c", script], cwd=folder, env=env,
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            for name in re.findall(r"-o (\S+\.png)", script):
                made = [name] if name != "cars.png" else ["cars-1.png", "cars-2.png", "cars-3.png"]
                for file in made:
                    self.assertTrue(pathlib.Path(folder, file).is_file(), file)

    def test_its_code_compiles(self):
        code = ('#include "corepulse/control.h"\n#include "corepulse/pipeline.h"\nint main() {\n'
                + blocks("cpp")[0] + "}\n")
        done = subprocess.run([os.environ.get("CXX", "c++"), "-std=c++20", "-fsyntax-only", "-I", ROOT / "include",
                               "-x", "c++", "-"], input=code, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_links_lead_to_files(self):
        pages = [README, *((ROOT / page).read_text() for page in ("ARCHITECTURE.md", "CONTRIBUTING.md"))]
        for link in re.findall(r"\]\(([^)#]+)\)", "".join(pages)):
            if "://" not in link:
                self.assertTrue((ROOT / link).exists(), link)


if __name__ == "__main__":
    unittest.main()
