#!/usr/bin/env python3
"""Many clients at once, cancel storms, a full queue, a full disk, clients that go away, kill -9 in every state: nothing is
lost, nothing is there twice, and memory stays level. Prints what it measured (docs/server.md, "Under load").

    COREPULSE=build/bin/corepulse load_full_test.py [--clients 200] [--jobs 10000] [--storms 10] [--kills 20] [PART...]
"""
import argparse
import collections
import concurrent.futures
import contextlib
import http.client
import itertools
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

from server_case import SMALL, Server, until

TINY = {"steps": 1}
LONG = {"steps": 1000}


def require(right, *told):
    if not right:
        raise AssertionError(*told)


class Memory:
    """Of a process in MB, read every so often until the block ends; nothing where there is no /proc."""

    def __init__(self, process):
        self.process, self.seen, self.over = process, [], threading.Event()

    def now(self):
        try:
            fields = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        return int(fields.split("VmRSS:")[1].split()[0]) / 1000

    def watch(self):
        while not self.over.wait(0.5):
            self.seen.append(self.now())

    def __enter__(self):
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.seen.append(self.now())

    def told(self):
        first = self.seen[len(self.seen) // 10]
        return f"{first:.0f} MB after a tenth of it, {max(self.seen):.0f} MB at most, {self.seen[-1]:.0f} MB at its end"

    def require_level(self, grown):
        require(self.seen[-1] <= self.seen[len(self.seen) // 10] + grown, self.told())


@contextlib.contextmanager
def served(place, *arguments):
    """A server that ends well, unless something else went wrong."""
    server = Server(place, *arguments)
    try:
        yield server
        require(server.end() == 0)
    finally:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)


def everybody(count, act):
    """act(i) for every client at once, each in a thread of its own; their results."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(act, range(count)))


def asked(server, recipe, **more):
    return server.ask("POST", "/v1/jobs", {"recipe": {**SMALL, **recipe}, "previews": 0, **more})


def accepted(server, recipe, **more):
    """A job's ID, however often the queue is full; and how often it was."""
    for refused in itertools.count():
        answer = asked(server, recipe, **more)
        if answer.status == 201:
            return answer.json["id"], refused
        require(answer.status == 429 and int(answer.headers["Retry-After"]) > 0, answer.status, answer.body)
        time.sleep(random.random())


def leave(server, id):
    """A listener that goes away at once."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", f"/v1/jobs/{id}/events")
    connection.getresponse().read(10)
    connection.close()


def history(server):
    """(job, picture) of everything that was drawn."""
    before, found = 0, []
    while before is not None:
        page = server.ask("GET", f"/v1/history?limit=200&before={before}").json
        found += [(item["job"], item["picture"]) for item in page["items"]]
        before = page["next"]
    return found


def require_each_once(server, done, killed=False):
    """Each of these jobs has one picture, there is no other, and each picture's file is whole. One who was killed may
    leave a file that its job did not come to name."""
    found = history(server)
    times = collections.Counter(job for job, _ in found)
    require(set(times) == set(done) and set(times.values()) <= {1}, len(times), len(done), times.most_common(3))
    files = server.folder / "data" / "pictures"
    names = {picture + ".png" for _, picture in found}
    there = {file.name for file in files.iterdir()}
    require(names <= there if killed else names == there, names ^ there)
    for name in names:
        require((files / name).read_bytes().endswith(b"IEND\xaeB`\x82"), name)


def many_jobs(place, options):
    numbers, refused, took, done = itertools.count(), [], [], []

    def client(_):
        while (number := next(numbers)) < options.jobs:
            begin = time.monotonic()
            id, times = accepted(server, {**TINY, "seed": number})
            took.append(time.monotonic() - begin)
            refused.append(times)
            if number % 20 == 0:
                leave(server, id)
            for _ in server.events(id):
                pass
            require((job := server.job(id))["state"] == "done", job)
            done.append(id)

    with served(place, "--queue", "256") as server:
        begin = time.monotonic()
        with Memory(server.process) as memory:
            everybody(options.clients, client)
        seconds = time.monotonic() - begin
        require_each_once(server, done)
        memory.require_level(64)
    took.sort()
    print(f"many: {len(done)} jobs of {options.clients} clients in {seconds:.0f} s, {len(done) / seconds:.1f} a second; accepted "
          f"within {1000 * took[len(took) // 2]:.0f} ms (half), {1000 * took[len(took) * 99 // 100]:.0f} ms (99 of 100); "
          f"{sum(refused)} times the queue was full; {memory.told()}")


def cancel_storm(place, options):
    with served(place, "--queue", str(options.clients)) as server:
        with Memory(server.process) as memory:
            for _ in range(options.storms):
                ids = everybody(options.clients, lambda i: accepted(server, LONG, priority=i % 3)[0])
                everybody(options.clients, lambda i: server.ask("DELETE", f"/v1/jobs/{random.choice(ids)}"))
                everybody(options.clients, lambda i: server.ask("DELETE", f"/v1/jobs/{ids[i]}"))
                states = collections.Counter(server.wait(id)["state"] for id in ids)
                require(states == {"cancelled": options.clients}, states)
        require(server.ask("GET", "/v1/jobs").json["jobs"] == [])
        require_each_once(server, [])
        require(server.wait(accepted(server, TINY)[0])["state"] == "done")
    print(f"cancel: {options.storms} storms on {options.clients} jobs; {memory.told()}")


def full_queue(place, options):
    with served(place, "--queue", "8") as server:
        with server.held():
            answers = everybody(options.clients, lambda i: asked(server, TINY))
        states = collections.Counter(answer.status for answer in answers)
        require(states == {201: 8, 429: options.clients - 8}, states)
        done = [answer.json["id"] for answer in answers if answer.status == 201]
        require(all(server.wait(id)["state"] == "done" for id in done))
        require_each_once(server, done)
    print(f"queue: {options.clients} at once on 8 places: 8 were accepted and drawn, all others got 429")


def fill(file):
    with open(file, "wb", buffering=0) as into, contextlib.suppress(OSError):
        while into.write(b"x" * 4096):
            pass


def on_a_full_disk(server, filler):
    """What a job that waited while the disk was full ended as."""
    kept = [accepted(server, {**TINY, "seed": seed})[0] for seed in range(5)]
    require(all(server.wait(id)["state"] == "done" for id in kept))
    large = [{"kind": "inject", "prompt": "cat " * 4000}] * 100
    with server.held():
        waiting = [accepted(server, {**TINY, "seed": seed})[0] for seed in range(5)]
        fill(filler)
        answer = asked(server, {**TINY, "controls": large})
        require(answer.status >= 500 and answer.json["code"] == "io", answer.status, answer.body[:200])
    states = collections.Counter(server.wait(id)["state"] for id in waiting)
    require(server.ask("GET", "/health").status == 200)
    filler.unlink()
    kept.append(accepted(server, TINY)[0])
    require(server.wait(kept[-1])["state"] == "done")
    server.end(signal.SIGKILL)
    server.start()
    ended = {id: server.wait(id)["state"] for id in waiting}
    require_each_once(server, kept + [id for id, state in ended.items() if state == "done"], killed=True)
    return dict(states)


def full_disk(place, _):
    """On a small file system of its own, which takes the right to mount one."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True).returncode:
        return print("disk: LEFT OUT: it takes the right to mount a file system")
    try:
        with served(place) as server:
            states = on_a_full_disk(server, pathlib.Path(place) / "filler")
        print(f"disk: one job was refused, those that waited ended as {states}, and after room was made it drew again")
    finally:
        subprocess.run(["umount", place], check=True)


def until_killed(server, known, cancelled):
    """Asks for jobs, and ends some, for as long as the server lives."""
    with contextlib.suppress(OSError, http.client.HTTPException):  # it is dead: what it had not answered, nobody knows
        while True:
            id = accepted(server, {"steps": random.choice((1, 1, 20)), "seed": random.randrange(10 ** 6)})[0]
            known.append(id)
            if random.random() < 0.2:
                cancelled.add(id)
                server.ask("DELETE", f"/v1/jobs/{id}")


def killed(place, options):
    """At any moment, with jobs in every state, while clients ask for more."""
    known, cancelled = [], set()
    with served(place) as server:
        for _ in range(options.kills):
            clients = [threading.Thread(target=until_killed, args=(server, known, cancelled)) for _ in range(8)]
            for one in clients:
                one.start()
            time.sleep(random.random() * 2)
            server.end(signal.SIGKILL)
            for one in clients:
                one.join()
            server.start()
        states = {id: server.wait(id)["state"] for id in known}
        until(lambda: server.ask("GET", "/v1/jobs").json["jobs"], lambda jobs: not jobs)
        counts = collections.Counter(states.values())
        require(set(counts) <= {"done", "cancelled", "interrupted"}, counts)
        require(all(state != "cancelled" or id in cancelled for id, state in states.items()), "cancelled unasked")
        drawn = {job for job, _ in history(server)}
        require({id for id, state in states.items() if state == "done"} <= drawn, "a picture is lost")
        require_each_once(server, drawn, killed=True)
    print(f"killed: {options.kills} times, {len(known)} jobs were accepted, and ended as {dict(counts)}")


PARTS = {"many": many_jobs, "cancel": cancel_storm, "queue": full_queue, "disk": full_disk, "killed": killed}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=10000)
    parser.add_argument("--storms", type=int, default=10)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS])
    options = parser.parse_args()
    for name in options.parts or PARTS:
        with tempfile.TemporaryDirectory() as place:
            PARTS[name](place, options)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
