"""Programs that answer one question per line (bench/peers/serve.py), asked by turns and compared."""

import contextlib
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time


class Failed(Exception):
    """What a program said instead of an answer."""


class Contestant:
    """A running program. `ready` holds what it said of itself, and `start_seconds` until then."""

    def __init__(self, name, command, environment=None):
        self.name = name
        self.noise = tempfile.TemporaryFile("w+")  # its chatter, shown only when it dies
        start = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.noise,
                                        text=True, env=os.environ | (environment or {}))
        try:
            self.ready = self._answer() | {"start_seconds": time.monotonic() - start}
        except BaseException:
            self.close()
            raise

    def _answer(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        status = self.process.wait()
        self.noise.seek(0)
        last = self.noise.read().strip().splitlines()[-1:]
        raise Failed(f"ended with status {status}: {' '.join(last)[:200]}")

    def ask(self, case):
        """One call of the case: {"seconds": ...} and what else the program says."""
        try:
            print(case, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # _answer says why
        answer = self._answer()
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.noise.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@contextlib.contextmanager
def guarded(command):
    """Keeps `command` running around a timing, e.g. "flock /tmp/lock": on a machine that is shared, one measures at a
    time. The command gets a program to run that says when it has begun and ends with its input."""
    if not command:
        yield
        return
    held = subprocess.Popen([*shlex.split(command), "sh", "-c", "echo begun; cat"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    if held.stdout.readline() != "begun\n":
        raise SystemExit(f"--guard {command}: did not run its program")
    try:
        yield
    finally:
        if held.poll() is not None:
            print("the guard ended before the timing did: other work may have disturbed it", file=sys.stderr)
        held.communicate()


def alternate(contestants, case, rounds, guard=None, first=None):
    """Asks by turns: the first of one round is the last of the next. {name: [answers]}; calls that pack and compile go
    to `first`, and are not timed otherwise."""
    answers = {c.name: [] for c in contestants}
    with guarded(guard):
        for c in contestants:
            opening = c.ask(case)
            if first is not None:
                first[c.name] = opening["seconds"]
        for turn in range(rounds):
            for c in contestants[::-1] if turn % 2 else contestants:
                answers[c.name].append(c.ask(case))
    return answers


def spread(values):
    """{"median", "min", "max", "runs"} of seconds."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "runs": len(values)}
