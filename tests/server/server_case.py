"""A server of its own for tests: the real program with the built-in model, on a port that was free."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

PROGRAM = os.environ["COREPULSE"]
LIMIT = 300  # seconds for what comes at once on an idle machine
SMALL = {"version": 1, "prompt": "a cat in a park", "seed": 3, "steps": 2, "width": 64, "height": 64}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


def until(look, right):
    """What `look()` gives as soon as it is right."""
    end = time.monotonic() + LIMIT
    while not right(seen := look()):
        if time.monotonic() > end:
            raise AssertionError(f"in vain: {seen}")
        time.sleep(0.01)
    return seen


class Server:
    def __init__(self, folder, *arguments, environment=None):
        self.folder = pathlib.Path(folder)
        self.arguments = arguments
        self.environment = {**os.environ, **(environment or {})}
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--port", "0", "--data", str(self.folder / "data"), *self.arguments],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=self.environment)
        line = self.process.stderr.readline()
        found = re.search(r"http://[^ ]*:(\d+)/", line)
        if not found:
            raise RuntimeError(f"no server: {line}{self.process.stderr.read()}")
        self.port = int(found[1])

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(LIMIT)
        self.process.stderr.close()
        return status

    def ask(self, method, path, body=None, headers=None, raw=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        headers = dict(headers or {})
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        connection.request(method, path, raw if raw is not None else json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        result = Answer(answer.status, answer.headers, answer.read())
        connection.close()
        return result

    def draw(self, recipe=None, **more):
        answer = self.ask("POST", "/v1/jobs", {"recipe": {**SMALL, **(recipe or {})}, **more})
        if answer.status != 201:
            raise AssertionError(answer.body)
        return answer.json["id"]

    def job(self, id):
        return self.ask("GET", f"/v1/jobs/{id}").json

    def wait(self, id, *states):
        states = states or ("done", "failed", "cancelled", "interrupted")
        return until(lambda: self.job(id), lambda job: job["state"] in states)

    def events(self, id, until=None):
        """(name, data) one by one, until the stream ends."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        connection.request("GET", f"/v1/jobs/{id}/events")
        answer = connection.getresponse()
        name = ""
        for line in answer:
            line = line.decode().rstrip("\n")
            if line.startswith("event: "):
                name = line[7:]
            if line.startswith("data: "):
                yield name, json.loads(line[6:])
        connection.close()

    @contextlib.contextmanager
    def held(self):
        """Jobs that are given within wait for the end of it."""
        before = self.draw({"steps": 1000}, priority=100)
        self.wait(before, "running")
        yield
        self.ask("DELETE", f"/v1/jobs/{before}")

    def memory(self):
        """Bytes that it has in memory."""
        return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(self.process.pid)])) * 1024

    def raw(self, data, wait=LIMIT):
        """What comes back of these bytes until the server ends the connection, or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as s:
            s.sendall(data)
            answer = b""
            try:
                while part := s.recv(65536):
                    answer += part
            except (TimeoutError, ConnectionResetError):
                pass
            return answer


def png(width, height, rows=None, color=2):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    data = rows if rows is not None else zlib.compress((b"\0" + b"\x80\x40\x20" * width) * height)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)) +
            chunk(b"IDAT", data) + chunk(b"IEND", b""))


class Result(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


class Runner(unittest.TextTestRunner):
    resultclass = Result


def main():
    """unittest.main, with 77 where all was skipped: ctest says so then, and not that it passed."""
    result = unittest.main(testRunner=Runner, exit=False).result
    sys.exit(1 if not result.wasSuccessful() else 0 if result.passed else 77)


class ServerCase(unittest.TestCase):
    arguments = ()

    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        cls.prepare()
        cls.server = Server(cls.folder, *cls.arguments)
        cls.addClassCleanup(lambda: cls.server.process.poll() is None and cls.server.end())

    @classmethod
    def prepare(cls):
        pass

    def refused(self, answer, status, code):
        self.assertEqual((answer.status, answer.json["code"]), (status, code), answer.body)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        self.assertEqual(answer.json["status"], status)
