"""Tests of the program `corepulse`, each in a folder of its own."""
import os
import pathlib
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["COREPULSE"]


class ProgramCase(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def run_program(self, *arguments, at=".", status=0):
        done = subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.folder / at, capture_output=True, text=True)
        self.assertEqual(done.returncode, status, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def pixels(self, name):
        """The compressed pixels of one of our PNG files: equal pictures have equal ones."""
        data, at, pixels = (self.folder / name).read_bytes(), 8, b""
        while at < len(data):
            size = int.from_bytes(data[at:at + 4], "big")
            if data[at + 4:at + 8] == b"IDAT":
                pixels += data[at + 8:at + 8 + size]
            at += size + 12
        self.assertTrue(pixels)
        return pixels
