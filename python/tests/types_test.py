"""The package's types hold under mypy's strictest rules, the extension's generated stubs included."""
import os
import pathlib
import subprocess
import sys

import pytest

import corepulse

USE = '''
import corepulse
pipe = corepulse.Pipeline.from_pretrained("builtin")
result = pipe("a cat", seed=3, controls=[corepulse.inject("a dragon", where="content"), corepulse.reweight("cat", 0.3)])
names: list[str] = [heat.name for heat in result.heatmaps]
'''
WRONG = 'import corepulse\ncorepulse.inject(3)\ncorepulse.inject("x", rows="all")\n'


def mypy(*arguments, cwd=None):
    pytest.importorskip("mypy")
    return subprocess.run([sys.executable, "-m", "mypy", "--strict", *arguments], cwd=cwd, capture_output=True, text=True)


def test_types_hold(tmp_path):
    package = pathlib.Path(corepulse.__file__).parent
    assert (package / "py.typed").is_file() and (package / "_core.pyi").is_file()
    (tmp_path / "use.py").write_text(USE)
    (tmp_path / "wrong.py").write_text(WRONG)
    cache = f"--cache-dir={package.parent / 'mypy'}"
    checked = mypy(cache, "-p", "corepulse", cwd=package.parent)
    assert checked.returncode == 0, checked.stdout
    os.environ["MYPYPATH"] = str(package.parent)
    used = mypy(cache, str(tmp_path / "use.py"))
    assert used.returncode == 0, used.stdout
    wrong = mypy(cache, str(tmp_path / "wrong.py"))
    assert wrong.stdout.count("error:") >= 2, wrong.stdout
