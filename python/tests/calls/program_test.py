"""python -m corepulse is the program: its output, its exit status, its signals."""
import json
import signal
import subprocess
import sys

import PIL.Image

MODULE = [sys.executable, "-m", "corepulse"]


def run(*arguments, **options):
    return subprocess.run([*MODULE, *map(str, arguments)], capture_output=True, text=True, timeout=600, **options)


def test_the_module_is_the_program(program, tmp_path):
    told = run("--version")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == subprocess.run([program, "--version"], capture_output=True, text=True).stdout and told.stdout.startswith("corepulse ")
    small = ("-p", "a cat in a park", "--steps", 1, "-W", 64, "-H", 64, "--json", "-q")
    drawn = run("generate", *small, "-o", "cat.png", cwd=tmp_path)
    assert drawn.returncode == 0 and json.loads(drawn.stdout)["files"] == ["cat.png"], drawn.stderr
    assert PIL.Image.open(tmp_path / "cat.png").size == (64, 64)


def test_its_errors_have_the_programs_exit_status(program):
    for wrong in (("models", "/no/such", "--json"), ("generate", "-p", "a cat", "--sampler", "eulr"), ("injekt",)):
        own, theirs = run(*wrong), subprocess.run([program, *wrong], capture_output=True, text=True)
        assert own.returncode == theirs.returncode != 0
        assert (own.stdout, own.stderr) == (theirs.stdout, theirs.stderr)
    assert json.loads(run("models", "/no/such", "--json").stdout)["error"]["code"] == "not_found"


def test_a_signal_reaches_the_program(tmp_path):
    command = [*MODULE, "generate", "-p", "a cat in a park", "--steps", "1000", "-W", "64", "-H", "64", "-o", str(tmp_path / "cat.png")]
    begun = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen = begun.stderr.read(1)  # a word of progress: its handlers are in place
    begun.send_signal(signal.SIGINT)
    _, said = begun.communicate(timeout=600)
    assert seen and begun.returncode == 130, said
    assert not (tmp_path / "cat.png").exists()
